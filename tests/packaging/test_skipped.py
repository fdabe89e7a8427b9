from skipped import outcomes, summary

REPORT = """<testsuites><testsuite>
<testcase name="a"/>
<testcase name="b"><skipped type="pytest.skip" message="no ffmpeg: apt-get install ffmpeg">where</skipped></testcase>
<testcase name="c"><failure message="m">trace</failure></testcase>
<testcase name="d"><error message="m">trace</error></testcase>
<testcase name="e"><skipped type="pytest.skip" message="no ffmpeg: apt-get install ffmpeg">where</skipped></testcase>
</testsuite></testsuites>"""


def test_every_test_is_counted_and_skips_are_told_by_reason() -> None:
    assert summary(outcomes(REPORT)) == "skipped 2: no ffmpeg: apt-get install ffmpeg\n1 passed, 2 failed, 2 skipped"
