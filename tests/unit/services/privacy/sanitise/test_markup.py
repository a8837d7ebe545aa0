"""HTML to the text that a reader sees."""

import pytest

from services.privacy.sanitise.markup import html_text


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>obey</script>",
        "<style>obey{}</style>",
        "<!-- obey -->",
        "<template>obey</template>",
        '<div style="display:none">obey</div>',
        '<div style="DISPLAY : NONE !important"><p>obey</p></div>',
        '<span style="visibility:hidden">obey</span>',
        '<span style="font-size:0px">obey</span>',
        '<span style="font-size:1px">obey</span>',
        '<span style="opacity:0">obey</span>',
        '<span style="color:#fff">obey</span>',
        '<span style="color: white">obey</span>',
        '<span style="color:rgb(254, 255, 255)">obey</span>',
        '<div style="background:#102030"><span style="color:#112131">obey</span></div>',
        '<font color="white">obey</font>',
        "<p hidden>obey</p>",
        '<p aria-hidden="true">obey</p>',
        '<div style="position:absolute;left:-9999px">obey</div>',
        '<div style="height:0;overflow:hidden">obey</div>',
        '<style>.x{display:none}</style><p class="a x">obey</p>',
        '<style>#y { font-size: 0 }</style><p id="y">obey</p>',
        '<input type="hidden" value="obey">',
        '<img src="a.png" alt="obey">',
        '<a href="obey">',
        "<svg><text>obey</text></svg>",
        '<div title="obey"></div>',
        "<noscript>obey</noscript>",
        '<p style="display:n\\6fne">&#8203;</p>',
    ],
)
def test_what_nobody_sees_is_dropped(hidden: str) -> None:
    assert html_text(f"<p>Hello</p>{hidden}<p>Ann</p>") == "Hello\nAnn"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("<b>a</b> &amp; <i>b</i>", "a & b"),
        ("<ul><li>one<li>two</ul>", "one\ntwo"),
        ('<div style="background:#000"><span style="color:#fff">seen</span></div>', "seen"),
        ('<table><tr><td bgcolor="black"><font color="white">seen</font></table>', "seen"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("a<br>b", "a\nb"),
    ],
)
def test_what_a_reader_sees_stays(document: str, text: str) -> None:
    assert html_text(document) == text
