"""Draws and composes the demo clip. Run by hand, `python -m pipeline.demo.make`: it needs ffmpeg and flite; the demo itself does not."""
