"""Pages of the inventory."""

from django.urls import URLPattern, path

from caiso.web.base.register.pages import register_urls
from caiso.web.inventory import registers
from caiso.web.inventory.views import assets, deeds, scans

urlpatterns: list[URLPattern] = [
    path("assets/<int:pk>/", assets.asset_record, name="asset_record"),
    path("assets/<int:pk>/confirm/", deeds.asset_confirm, name="asset_confirm"),
    path("assets/<int:pk>/take-on/", deeds.asset_take_on, name="asset_take_on"),
    path("assets/<int:pk>/assign/", deeds.asset_assign, name="asset_assign"),
    path("assets/<int:pk>/merge/", deeds.asset_merge, name="asset_merge"),
    path("assets/<int:pk>/retire/", deeds.asset_retire, name="asset_retire"),
    path("assets/<int:pk>/relate/", deeds.asset_relate, name="asset_relate"),
    path("assets/<int:pk>/relations/<int:relation>/remove/", deeds.asset_unrelate, name="asset_unrelate"),
    path("scans/upload/", scans.scan_upload, name="scan_upload"),
    path("scans/<int:pk>/", scans.scan_record, name="scan_record"),
    path("scans/<int:pk>/again/", scans.scan_again, name="scan_again"),
    *register_urls(registers.ASSETS),
    *register_urls(registers.SYSTEMS),
    *register_urls(registers.SCANS),
]
