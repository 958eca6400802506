"""The page of who issues the invoices."""

import functools
import operator
from dataclasses import fields

import reflex as rx
from reflex.vars import Var

from flyusage.invoices.countries import COUNTRIES
from flyusage.ui.components.copy_button import command_line
from flyusage.ui.components.field import field, text_field
from flyusage.ui.pages.staff.seller.state import SellerForm, SellerRow, StaffSeller
from flyusage.ui.staff_layout import SELLER, phases, staff_page

SCREEN = StaffSeller.screen
FORM = SCREEN.form
KEPT = functools.reduce(operator.add, [getattr(FORM, part.name) + "\n" for part in fields(SellerForm)])


def seller() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffSeller.phase, rx.fragment(_known(), _naming()), StaffSeller.problem, StaffSeller.load),
        here=SELLER,
        title="Seller",
        note="who issues the invoices; each issued one keeps the seller that it was issued by",
    )


def _known() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("Name", scope="col"),
        rx.el.th("State", scope="col"),
        rx.el.th("From", scope="col"),
        rx.el.th("Place", scope="col"),
        rx.el.th("VAT number", scope="col"),
        rx.el.th("Account", scope="col"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table seller-table two-line")
    return rx.el.section(
        rx.el.header(rx.el.h2("Sellers", class_name="card-title"), class_name="card-head"),
        rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Sellers, the latest first"),
        class_name="card",
        aria_label="Sellers",
    )


def _row(row: Var[SellerRow]) -> rx.Component:
    missing = rx.cond(row.missing != "", rx.el.span("No e-invoice: ", row.missing, class_name="queue-error small"), rx.fragment())
    return rx.el.tr(
        rx.el.th(rx.el.bdi(row.name), missing, scope="row"),
        rx.el.td(rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone})),
        rx.el.td(row.since, class_name="nowrap"),
        rx.el.td(rx.el.bdi(row.place)),
        rx.el.td(row.vat_number, class_name="mono"),
        rx.el.td(row.account, class_name="mono"),
        key=row.since,
    )


def _naming() -> rx.Component:
    countries = [rx.el.option("Choose …", value=""), *[rx.el.option(name, value=code) for code, name in COUNTRIES.items()]]
    address = rx.el.textarea(name="address", default_value=FORM.address, rows=2, required=True, max_length=800, class_name="field")
    logo = rx.el.label(
        rx.el.input(type="checkbox", name="keep_logo", value="on", default_checked=True),
        rx.el.span("Keep its logo"),
        class_name="budget-cap",
    )
    form = rx.el.form(
        text_field("Name, as the register has it", "name", default_value=FORM.name, required=True, max_length=200),
        text_field("For months that end from this day on (UTC)", "starts_on", type="date", default_value=FORM.starts_on, required=True),
        field("Street and number, up to four lines", address),
        text_field("Postcode", "postcode", default_value=FORM.postcode, max_length=40),
        text_field("City", "city", default_value=FORM.city, required=True, max_length=200),
        field("Country", rx.el.select(*countries, name="country", default_value=FORM.country, required=True, class_name="field")),
        text_field("Where customers answer to", "email", type="email", default_value=FORM.email, required=True, max_length=200),
        text_field("VAT number; without it no VAT is charged", "vat_number", default_value=FORM.vat_number, max_length=40),
        text_field("Tax number", "tax_number", default_value=FORM.tax_number, max_length=60),
        text_field("Number in the companies' register", "registration", default_value=FORM.registration, max_length=100),
        text_field("IBAN that customers pay to", "iban", default_value=FORM.iban, max_length=50),
        text_field("BIC", "bic", default_value=FORM.bic, max_length=20),
        rx.cond(SCREEN.has_logo, logo, rx.fragment()),
        rx.cond(StaffSeller.refusal != "", rx.el.p(StaffSeller.refusal, role="alert", class_name="form-refusal"), rx.fragment()),
        rx.el.div(
            rx.el.button("Issue invoices in this name", type="submit", class_name="button button-primary"), class_name="settings-foot"
        ),
        key=KEPT,
        on_submit=StaffSeller.name,
        class_name="settings-form",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Name the seller", class_name="card-title"),
            rx.el.span("one of the same first day is replaced", class_name="card-note"),
            class_name="card-head",
        ),
        form,
        rx.el.p("A logo is set by the command, from a picture file:", class_name="muted small"),
        command_line("flyusage seller set --help"),
        class_name="card settings-card",
        aria_label="Name the seller",
    )
