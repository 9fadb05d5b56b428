"""Where a segment lies in the fields that rules see."""

from hypothesis import given
from hypothesis import strategies as st

from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.normalise import merge_content, segment_places

segments = st.lists(
    st.builds(
        Segment,
        field=st.sampled_from(["content.user", "content.untrusted", "gen_ai.tool.call.result", "content.documents"]),
        text=st.text(max_size=20),
        trust=st.sampled_from(["", "untrusted"]),
    ),
    max_size=8,
)


@given(segments)
def test_each_segment_is_found_where_its_place_says(found: list[Segment]) -> None:
    merged = merge_content({}, found)
    for segment, place in zip(found, segment_places(found), strict=True):
        for field, start in place.items():
            assert str(merged[field])[start : start + len(segment.text)] == segment.text
