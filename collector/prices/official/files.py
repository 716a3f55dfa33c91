"""
Reads files of official prices, whose kind is recognised by their content, into price lists of one product.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from collector.prices.book_yaml import BookError, read_file
from collector.prices.official import alibaba_answers, aws_offer, azure_retail, google_catalogue
from collector.prices.official.alibaba_answers import Answered, QueriedSize
from collector.prices.official.listed import PriceList, decode

MOST_BYTES = 512 * 1024 * 1024
"""Longest JSON file, which is in memory once while it is read. A CSV is read line by line."""
MOST_LINE = 1024 * 1024
KINDS = "AWS's offer file of AmazonEKS, Azure's retail prices, Google's SKUs or Alibaba's answers to DescribePrice"
_BOM = b"\xef\xbb\xbf"
_PACKED = (b"\x1f\x8b", b"PK\x03\x04")


class _Document(msgspec.Struct):
    """The top of each JSON format; the module of a format decodes what its part holds."""

    offerCode: str = ""
    version: str = ""
    products: msgspec.Raw = msgspec.Raw()
    terms: msgspec.Raw = msgspec.Raw()
    PriceList: msgspec.Raw = msgspec.Raw()
    NextToken: str | None = None
    Items: msgspec.Raw = msgspec.Raw()
    NextPageLink: str | None = None
    skus: msgspec.Raw = msgspec.Raw()
    nextPageToken: str | None = None
    PriceInfo: msgspec.Raw = msgspec.Raw()


def read_lists(paths: Sequence[Path], queried: QueriedSize) -> list[PriceList]:
    """Read all files; BookError if they are not of one product and in one currency."""
    answers = [_read(path, queried) for path in paths]
    lists = [answer.listed for answer in answers]
    for before, after in pairwise(lists):
        if after.product != before.product:
            remedy = f"has prices of {after.product}, and {before.path} of {before.product}; import them apart"
            raise BookError(after.path, "file", remedy)
    currencies = {listed.currency: listed.path for listed in lists if listed.currency}
    if len(currencies) > 1:
        shown = ", ".join(f"{currency} ({path})" for currency, path in currencies.items())
        raise BookError(lists[0].path, "currency", f"the files are in {shown}; import each currency apart")
    lists[0].prices.extend(alibaba_answers.unit_prices(answer.size for answer in answers if answer.size))
    return lists


def _read(path: Path, queried: QueriedSize) -> Answered:
    """Read one file by its first bytes: `{` begins JSON, a fact of AWS the CSV."""
    try:
        with path.open("rb") as file:
            begin = file.read(4096).removeprefix(_BOM).lstrip()
    except OSError as error:
        raise BookError(str(path), "file", f"cannot be read: {error.strerror}") from None
    if begin.startswith(_PACKED):
        raise BookError(str(path), "file", "is packed; unpack it first")
    if begin.startswith(b"{"):
        return _read_json(read_file(path, MOST_BYTES).removeprefix(_BOM), str(path), queried)
    if begin.lstrip(b'"').lower().startswith((b"formatversion", b"sku")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            return Answered(aws_offer.read_offer_csv(iter(lambda: file.readline(MOST_LINE), ""), str(path)))
    raise BookError(str(path), "file", f"is not a list of prices that is known; give {KINDS}")


def _read_json(text: bytes, path: str, queried: QueriedSize) -> Answered:
    document = decode(text, _Document, path)
    if document.offerCode:
        if document.offerCode != aws_offer.OFFER:
            remedy = f"is {document.offerCode[:40]}; only the offer {aws_offer.OFFER} has Fargate for EKS"
            raise BookError(path, "offerCode", remedy)
        return Answered(aws_offer.read_offer(document.version, document.products, document.terms, path))
    if document.PriceList:
        return Answered(aws_offer.read_products(document.PriceList, document.NextToken or "", path))
    if document.Items:
        return Answered(azure_retail.read_items(document.Items, document.NextPageLink or "", path))
    if document.skus:
        return Answered(google_catalogue.read_skus(document.skus, document.nextPageToken or "", path))
    if document.PriceInfo:
        return alibaba_answers.read_answer(document.PriceInfo, path, queried)
    raise BookError(path, "top", f"has no prices that are known; give {KINDS}")
