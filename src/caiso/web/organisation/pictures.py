"""Figures as PNG: the stand-alone SVG, drawn by the typesetter that also makes the reports."""

PIXELS_PER_INCH = 144
LARGEST_SVG = 5_000_000
PAGE = b'#set page(width: auto, height: auto, margin: 0pt, fill: white)\n#image(sys.inputs.at("name"))\n'


def png(svg: str) -> bytes | None:
    """The picture; None when it is too large to draw."""
    if len(svg) > LARGEST_SVG:
        return None
    import typst  # noqa: PLC0415 - 80 MB that pages without a picture can do without

    files = {"main.typ": PAGE, "figure.svg": svg.encode()}
    return typst.compile(files, format="png", ppi=PIXELS_PER_INCH, sys_inputs={"name": "figure.svg"})  # type: ignore[call-overload, no-any-return]  # its stubs leave out the dict of files
