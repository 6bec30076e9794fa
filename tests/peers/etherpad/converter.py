#!/usr/bin/env python3
"""Stands where Etherpad expects LibreOffice: makes a PDF with the words of a page. `… --convert-to pdf FILE --outdir FOLDER`"""

import re
import sys
from pathlib import Path

source = next(Path(word) for word in sys.argv[1:] if word.endswith((".html", ".htm")))
folder = Path(sys.argv[sys.argv.index("--outdir") + 1])
words = re.sub(r"<[^>]*>|[()\\]", " ", source.read_text()).split()
text = f"BT /F1 12 Tf 50 750 Td ({' '.join(words)}) Tj ET".encode("latin-1", "replace")
objects = [
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
]
pdf, places = b"%PDF-1.4\n", []
for number, body in enumerate(objects, 1):
    places.append(len(pdf))
    pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
table = b"".join(b"%010d 00000 n \n" % place for place in places)
pdf += b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
    len(objects) + 1, table, len(objects) + 1, len(pdf))
(folder / (source.stem + ".pdf")).write_bytes(pdf)
