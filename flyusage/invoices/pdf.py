"""A document as PDF/A-3b: the same document, the same bytes. Nothing in a document can be read as markup or reach a file.

Where a document has all that EN 16931 demands, the PDF is a Factur-X invoice: its XML is attached and its metadata say so.
"""

import json
import re
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from threading import Lock

import typst
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from flyusage.invoices import einvoice, glyphs
from flyusage.invoices.document import Document
from flyusage.invoices.printed import page_texts

TEMPLATE = Path(__file__).parent / "template" / "invoice.typ"  # alone in its folder, which is all that it could read
STANDARD = "a-3b"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
EXTENSION = "http://www.aiim.org/pdfa/ns/extension/"
FACTUR_X = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
METADATA = b"/Type/Metadata/Subtype/XML>>\nstream\n"
PACKET_BEGIN, PACKET_END = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n', b'\n<?xpacket end="r"?>'

_lock = Lock()  # a compiler sets one document at a time


def render(document: Document, xml: bytes | None = None) -> bytes:
    """The pages of `document` as PDF/A-3b, A4 or Letter, dated the midnight (UTC) of its day of issue.

    Holds `einvoice.xml` (`xml`, where it is made already) as `factur-x.xml` unless `einvoice.gaps` finds something missing.
    """
    if einvoice.gaps(document):
        return _set(document, attached=b"")
    return _declared(_set(document, attached=xml or einvoice.xml(document)))


def _set(document: Document, *, attached: bytes) -> bytes:
    """The typeset pages with the XML attached."""
    issued = datetime.combine(document.issued_on, time(), UTC)
    inputs = {"texts": json.dumps(page_texts(document), ensure_ascii=False), "xml": attached.decode()}
    with _lock:
        made = _compiler().compile(format="pdf", sys_inputs=inputs, pdf_standards=STANDARD, timestamp=issued)
    assert isinstance(made, bytes)
    return made


def _declared(made: bytes) -> bytes:
    """The PDF with metadata that declare the attached invoice.

    The typesetter writes the metadata as one plain object and gives offsets in a plain table, so they are put in place and the
    offsets behind them moved: a library that reads and writes the whole file takes as long as a quarter of the typesetting.
    """
    end = re.search(rb"startxref\n(\d+)\n%%EOF\s*$", made)
    assert end is not None  # the typesetter is pinned, and tests read its files by other means
    table = int(end[1])
    begin = made.rindex(b"<</Length ", 0, made.rindex(METADATA))
    first = made.index(METADATA, begin) + len(METADATA)
    after = made.index(b"\nendstream", first)
    metadata = _with_factur_x(made[first:after])
    written = b"<</Length %d%b%b" % (len(metadata), METADATA, metadata)
    longer = len(written) - (after - begin)

    def moved(entry: re.Match[bytes]) -> bytes:
        offset = int(entry[1])
        return b"%010d 00000 n" % (offset + longer * (offset > begin))

    offsets = re.sub(rb"(\d{10}) 00000 n", moved, made[table : end.start()])
    return made[:begin] + written + made[after:table] + offsets + b"startxref\n%d\n%%%%EOF\n" % (table + longer)


def _with_factur_x(metadata: bytes) -> bytes:
    """XMP metadata that also say which invoice is attached, and what those words mean (PDF/A admits none that is not described)."""
    tree = etree.fromstring(metadata, etree.XMLParser(resolve_entities=False, no_network=True, remove_pis=True))
    described = tree.find(f".//{{{RDF}}}Description")
    schemas = tree.find(f".//{{{EXTENSION}}}schemas/{{{RDF}}}Bag")
    assert described is not None and schemas is not None  # noqa: PT018  # the typesetter writes both
    schemas.append(etree.fromstring(_SCHEMA))
    values = {"DocumentType": "INVOICE", "DocumentFileName": einvoice.FILENAME, "Version": "1.0", "ConformanceLevel": einvoice.PROFILE}
    for name, value in values.items():
        etree.SubElement(described, f"{{{FACTUR_X}}}{name}", nsmap={"fx": FACTUR_X}).text = value
    return PACKET_BEGIN + etree.tostring(tree, encoding="UTF-8") + PACKET_END


_PROPERTIES = {
    "DocumentFileName": "name of the embedded XML invoice file",
    "DocumentType": "INVOICE",
    "Version": "The actual version of the Factur-X XML schema",
    "ConformanceLevel": "The conformance level of the embedded Factur-X data",
}
_SCHEMA = f"""<rdf:li rdf:parseType="Resource" xmlns:rdf="{RDF}" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
    xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
  <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
  <pdfaSchema:namespaceURI>{FACTUR_X}</pdfaSchema:namespaceURI>
  <pdfaSchema:prefix>fx</pdfaSchema:prefix>
  <pdfaSchema:property>
    <rdf:Seq>{
    "".join(
        f'''
      <rdf:li rdf:parseType="Resource">
        <pdfaProperty:name>{name}</pdfaProperty:name>
        <pdfaProperty:valueType>Text</pdfaProperty:valueType>
        <pdfaProperty:category>external</pdfaProperty:category>
        <pdfaProperty:description>{description}</pdfaProperty:description>
      </rdf:li>'''
        for name, description in _PROPERTIES.items()
    )
}
    </rdf:Seq>
  </pdfaSchema:property>
</rdf:li>"""


@cache
def _compiler() -> typst.Compiler:
    """One for the process: reading the typefaces anew would cost more than setting the page."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[glyphs.FOLDER])
    return typst.Compiler(TEMPLATE, root=TEMPLATE.parent, font_paths=fonts, ignore_system_fonts=True)
