"""Data the page declares itself: JSON-LD, microdata, RDFa Lite, OpenGraph. Names are schema.org's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tasks.executors.browser.understanding.deterministic.answers import Answer, Raw, entity_fit, name_fit
from tasks.executors.browser.understanding.deterministic.wish_fields import WishedField
from tasks.executors.browser.understanding.deterministic.wishes import Wish
from tasks.executors.browser.understanding.deterministic.words import tokens

#: Known field → paths into an item, best first.
PATHS: dict[str, tuple[str, ...]] = {
    "name": ("name", "headline", "title"),
    "price": ("offers.price", "offers.lowPrice", "price", "offers.priceSpecification.price", "lowPrice"),
    "date": ("datePublished", "startDate", "dateCreated", "uploadDate", "datePosted", "dateModified"),
    "author": ("author.name", "author", "creator.name", "creator", "byArtist.name"),
    "description": ("description", "abstract", "disambiguatingDescription"),
    "image": ("image.url", "image", "thumbnailUrl", "logo", "photo", "primaryImageOfPage"),
    "url": ("url", "mainEntityOfPage", "@id", "offers.url"),
    "rating": (
        "aggregateRating.ratingValue",
        "reviewRating.ratingValue",
        "ratingValue",
        "starRating.ratingValue",
        "upvoteCount",
    ),
    "reviews": ("aggregateRating.reviewCount", "aggregateRating.ratingCount", "reviewCount", "commentCount"),
    "availability": ("offers.availability", "availability"),
    "sku": ("sku", "mpn", "gtin13", "gtin", "isbn", "productID", "identifier"),
    "brand": ("brand.name", "brand", "manufacturer.name", "manufacturer"),
    "category": ("category", "articleSection", "genre", "recipeCategory"),
    "tags": ("keywords",),
    "servings": ("recipeYield", "yield"),
    "location": ("jobLocation.address", "location.name", "location", "jobLocation", "address"),
    "company": ("hiringOrganization.name", "hiringOrganization", "worksFor.name", "organizer.name", "publisher.name"),
    "salary": (
        "baseSalary.value.value",
        "baseSalary.value.minValue",
        "baseSalary.value",
        "baseSalary",
        "estimatedSalary",
    ),
    "email": ("email", "contactPoint.email"),
    "phone": ("telephone", "contactPoint.telephone"),
    "address": ("address", "location.address", "streetAddress"),
    "content": ("articleBody", "text", "reviewBody"),
    "comment": ("reviewBody", "text", "description"),
    "position": ("jobTitle", "title"),
}
_USUAL = ("name", "price", "availability", "rating", "author", "image")
_NOT_THINGS = frozenset(
    ["WebPage", "WebSite", "BreadcrumbList", "ListItem", "ImageObject", "SearchAction", "Organization", "SiteNavigationElement",
     "WPHeader", "WPFooter", "EntryPoint", "ReadAction", "SiteLinksSearchBox", "CollectionPage", "ItemPage", "ProfilePage"]
)  # fmt: skip
_PARTS = frozenset(["Answer", "Review", "Comment", "Question", "Event", "Product", "Article", "VideoObject"])
_ALIASES = {
    "NewsArticle": "article news story", "BlogPosting": "article post blog", "Article": "article story", "JobPosting": "job position vacancy",
    "Product": "product item", "Book": "book", "Recipe": "recipe dish", "Event": "event concert", "Person": "person people member author",
    "Review": "review comment", "LocalBusiness": "business company shop store restaurant", "Organization": "company organization",
    "VideoObject": "video", "Movie": "movie film", "Offer": "offer", "Comment": "comment", "Question": "question faq", "Restaurant": "restaurant",
}  # fmt: skip
_ENUM = re.compile(r"^https?://schema\.org/(\w+)$")


def answers(model: dict[str, Any], wish: Wish) -> Iterator[Answer]:
    """One answer for each type of declared item, and one for the page's own meta data."""
    for source, items in (("json-ld", _jsonld(model)), ("microdata", _microdata(model))):
        for kind, same in _by_type(items).items():
            yield _answer(source, kind, same, wish, alone=len(_by_type(items)) == 1)
    if meta := _meta_item(model):
        yield _meta_answer(meta, model, wish)


def text_list(model: dict[str, Any], wish: Wish) -> list[str]:
    """The texts of a declared property that holds several and is named like the wish, best named first; [] without one."""
    own = wish.fields[0].own if wish.fields else tuple(wish.entity_tokens[-1:])
    best, found = 0.8, []
    for item in [*_jsonld(model), *_microdata(model)]:
        for key, value in item.items():
            fit = name_fit((), own, tokens(_spaced(key)))
            if fit > best and isinstance(value, list) and len(value) > 1 and all(isinstance(one, str) for one in value):
                best, found = fit, [text for one in value if (text := as_text(one))]
    return found


def _answer(source: str, kind: str, items: list[dict[str, Any]], wish: Wish, *, alone: bool) -> Answer:
    rows = [_row(item, wish) for item in items]
    rows = [row for row in rows if row]
    fits = {one.key: 0.97 if one.known in PATHS else 0.9 for one in wish.fields if any(one.key in row for row in rows)}
    prior = 0.55 if kind in _NOT_THINGS else 1.0
    fit = entity_fit(wish, kind, _ALIASES.get(kind, ""), _spaced(kind))
    if wish.entity and not fit and wish.many:
        prior *= 0.8
    if not wish.fields:
        fits[""] = 0.92 if fit and items else 0.3
    many = len(rows) > 1
    return Answer(source, rows, fits, prior if alone or fit or not wish.entity else prior * 0.9, fit, many)


def _row(item: dict[str, Any], wish: Wish) -> Raw:
    if not wish.fields:
        plain = {
            key: text
            for key, value in item.items()
            if not key.startswith("@") and (text := as_text(value)) and len(text) < 2000
        }
        usual = {name: text for name in _USUAL if name not in plain and (text := _first(item, PATHS[name]))}
        return {**plain, **usual}
    row: Raw = {}
    for one in wish.fields:
        if text := _field_text(item, one):
            row[one.key] = text
            if one.kind == "money" and (currency := _first(item, ("offers.priceCurrency", "priceCurrency"))):
                row[one.key] = f"{currency} {text}" if re.fullmatch(r"[\d.,\s]+", text) else text
    return row


def _field_text(item: dict[str, Any], one: WishedField) -> str:
    plainly = len(one.own) == 1 or one.known in ("name", "phone", "email", "date", "price")
    if plainly and one.known and (text := _first(item, PATHS.get(one.known, ()))):
        return text
    best, found = 0.75, ""
    for key, value in item.items():
        fit = name_fit(one.words, one.own, tokens(_spaced(key)))
        if fit > best and (text := as_text(value)):
            best, found = fit, text
    return found


def _first(item: dict[str, Any], paths: tuple[str, ...]) -> str:
    for path in paths:
        value: Any = item
        for step in path.split("."):
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(step) if isinstance(value, dict) else None
        if text := as_text(_plainest(value)):
            return text
    return ""


def _plainest(value: Any) -> Any:
    """Of one thing said several ways ("4", "4 burgers") the first."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(one, str) and one.startswith(str(value[0])) for one in value)
    ):
        return value[0]
    return value


def as_text(value: Any) -> str:
    """A property as text: names of things, joined lists, the last part of schema.org's own words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        text = re.sub(r"<[^>]+>", " ", value) if "<" in value and ">" in value else value
        text = re.sub(r"\s+", " ", text).strip()
        enum = _ENUM.match(text)
        return _spaced(enum.group(1)) if enum else text
    if isinstance(value, list):
        return ", ".join(dict.fromkeys(text for one in value[:50] if (text := as_text(one))))
    if isinstance(value, dict):
        if value.get("streetAddress") or value.get("addressLocality"):
            return _address(value)
        return next(
            (
                text
                for key in ("name", "@value", "value", "url", "text", "@id", "address")
                if (text := as_text(value.get(key)))
            ),
            "",
        )
    return ""


def _address(value: dict[str, Any]) -> str:
    """As letters are addressed: "Mühlenstraße 41, 23552 Lübeck", "1 Main St, Springfield, IL 62701"."""
    street, code, town, region, country = (
        as_text(value.get(part))
        for part in ("streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry")
    )
    if re.fullmatch(r"\d{4,5}", code) and not region:
        lines = [street, f"{code} {town}".strip()]
    else:
        lines = [street, town, f"{region} {code}".strip()]
    return ", ".join(line for line in [*lines, country] if line)


def _by_type(items: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        kinds = item.get("@type") or "Thing"
        grouped.setdefault(str(kinds[0] if isinstance(kinds, list) and kinds else kinds), []).append(item)
    return grouped


def _jsonld(model: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for raw in model["jsonld"]:
        try:
            found.extend(_items(json.loads(raw, strict=False), 0))
        except (ValueError, RecursionError):
            continue
    return found[:1000]


def _items(node: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Every typed thing of a JSON-LD document that stands on its own, list elements unwrapped."""
    if depth > 8:
        return
    if isinstance(node, list):
        for one in node:
            yield from _items(one, depth + 1)
    elif isinstance(node, dict):
        if "@graph" in node:
            yield from _items(node["@graph"], depth + 1)
        elements = node.get("itemListElement")
        if elements and node.get("@type") != "BreadcrumbList":
            yield from _list_elements(elements, depth)
        if "@type" in node and not elements:
            yield node
            for key in ("mainEntity", "review", "comment", "hasVariant", "event", "member", "employee", "hasPart"):
                if key in node:
                    yield from _items(node[key], depth + 1)


def _list_elements(elements: Any, depth: int) -> Iterator[dict[str, Any]]:
    for element in elements if isinstance(elements, list) else [elements]:
        inner = element.get("item", element) if isinstance(element, dict) else None
        yield from _items(inner if isinstance(inner, dict) else element, depth + 1)


def _microdata(model: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for item in model["microdata"] if item["props"] for one in _with_parts(_plain_item(item), 0)]


def _with_parts(item: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """An item and the things of their own kind that it holds: the answers to a question, the reviews of a product."""
    yield item
    for value in item.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and depth < 4 and one.get("@type") in _PARTS:
                yield from _with_parts(one, depth + 1)
            elif isinstance(one, dict) and depth < 4:
                yield from (part for part in _with_parts(one, depth + 1) if part is not one)


def _plain_item(item: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"@type": item["type"] or "Thing"}
    for key, given in item["props"].items():
        values = [_plain_item(value) if isinstance(value, dict) else value for value in given]
        plain[key] = values[0] if len(values) == 1 else values
    return plain


def _meta_item(model: dict[str, Any]) -> dict[str, str]:
    """OpenGraph and the usual meta tags under schema.org's names."""
    meta = model["meta"]
    names = {
        "name": ("og:title", "twitter:title", "dc.title"),
        "description": ("og:description", "description", "twitter:description"),
        "image": ("og:image", "twitter:image"),
        "url": ("og:url",),
        "author": ("author", "article:author", "dc.creator", "twitter:creator", "parsely-author", "byl"),
        "datePublished": ("article:published_time", "date", "pubdate", "dc.date", "parsely-pub-date", "publish-date", "og:published_time"),
        "price": ("product:price:amount", "og:price:amount"),
        "priceCurrency": ("product:price:currency", "og:price:currency"),
        "availability": ("product:availability", "og:availability"),
        "brand": ("product:brand", "og:brand"),
        "keywords": ("keywords", "news_keywords"),
        "category": ("article:section", "product:category"),
        "publisher": ("og:site_name", "application-name"),
    }  # fmt: skip
    found = {name: next((meta[key] for key in keys if meta.get(key)), "") for name, keys in names.items()}
    if re.match(r"https?://|@", found["author"]):
        found["author"] = ""
    return {name: value for name, value in found.items() if value}


def _meta_answer(meta: dict[str, str], model: dict[str, Any], wish: Wish) -> Answer:
    row = _row(meta, wish) if wish.fields else {}
    fits = dict.fromkeys(row, 0.8)
    kind = model["meta"].get("og:type", "")
    return Answer("opengraph", [row] if row else [], fits, 0.95, entity_fit(wish, kind), many=False)


def _spaced(name: str) -> str:
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
