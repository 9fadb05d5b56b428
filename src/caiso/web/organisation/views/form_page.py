"""A page with one form about one record, and the refusals of the services in it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest


def run_form(
    request: PageRequest, form: forms.Form, save: Callable[..., Any], *, title: str, about: str, back: str, said: str
) -> HttpResponse:
    """Show the form; when it is sent and valid, save and go back; what the service refuses stands above the fields."""
    if request.method == "POST" and form.is_valid():
        try:
            save(form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, said)
            return redirect(back)
    context = {
        "form": form,
        "title": title,
        "about": about,
        "back": back,
        "crumbs": [{"label": about, "url": back}, {"label": title}],
    }
    return render(request, "organisation/form.html", context, status=422 if form.errors else 200)
