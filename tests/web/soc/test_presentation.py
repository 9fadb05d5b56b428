"""How security operations put values into words."""

from django.urls import reverse

from caiso.web.soc.models import Alert
from caiso.web.soc.presentation import technique_name, technique_words


def test_a_technique_is_called_by_its_name_and_what_it_is_part_of() -> None:
    assert technique_words("AML.T0054") == "AML.T0054 LLM Jailbreak"
    assert technique_name("AML.T0051.001") == "LLM Prompt Injection: Indirect"
    assert technique_words(["AML.T0054", "AML.T9999"]) == "AML.T0054 LLM Jailbreak, AML.T9999"
    assert technique_words("") == ""


def test_an_alert_knows_the_address_that_the_url_table_gives_it() -> None:
    assert Alert(pk=7).get_absolute_url() == reverse("alert_record", args=[7])
