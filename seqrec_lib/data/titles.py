"""From a typed-in film title to its item: 'the matrix' finds 'Matrix, The (1999)'."""

import difflib
import re
import unicodedata

import pandas as pd

_ARTICLES = "the|a|an|le|la|les|l'|il|lo|gli|i|el|los|las|der|die|das|o|os|as|un|une|una|en|den|det"
_LAST_ARTICLE = re.compile(rf"^(?P<rest>.+), (?P<article>{_ARTICLES})$", re.IGNORECASE)
_YEAR = re.compile(r"\(\s*(\d{4})(?:\s*[-–]\s*\d{0,4})?\s*\)\s*(?:\((?:V|TV|VG)\))?\s*$", re.I)
_BARE_YEAR = re.compile(r"[\s,]+((?:18|19|20)\d{2})$")
_SHOWN = 8


class TitleIndex:
    """Finds item ids by title. Case, accents, punctuation, year and leading article are optional.

    titles: indexed by item id, written as in MovieLens: "Matrix, The (1999)", other titles in
        brackets before the year: "City of Lost Children, The (Cité des enfants perdus, La) (1995)".
    name: what one of them is called in messages.
    """

    def __init__(self, titles: pd.Series, name: str = "film") -> None:
        self._name = name
        self._titles = dict(zip(titles.index.tolist(), titles.astype(str).tolist(), strict=True))
        self._years: dict[int, int | None] = {}
        self._by_name: dict[str, dict[int, None]] = {}  # with its article: a dict keeps the order
        self._by_bare_name: dict[str, dict[int, None]] = {}
        for item, title in self._titles.items():
            names, self._years[item] = _names_and_year(title)
            for name in names:
                self._by_name.setdefault(name, {})[item] = None
                self._by_bare_name.setdefault(_bare(name), {})[item] = None

    def find(self, title: str) -> int:
        """The item id of the one film that the title means.

        A typed article, other title or year narrows the choice; what is not typed is not asked.
        Raises ValueError: with the choices where several films match, with the closest titles
        where none does; TypeError for anything but text.
        """
        if not isinstance(title, str):
            raise TypeError(f"title must be text, got {type(title).__name__} {title!r}")
        names, year = _names_and_year(title)
        found = self._matches(names[0], year)
        if not found and year is None and (bare_year := _BARE_YEAR.search(title.strip())):
            shorter = _names_and_year(title.strip()[: bare_year.start()])[0]
            found = self._matches(shorter[0], int(bare_year[1]))
        if len(found) == 1:
            return found[0]
        if found:
            exact = [i for i in found if self._titles[i].casefold() == title.strip().casefold()]
            if len(exact) == 1:
                return exact[0]
            raise ValueError(
                f"{title!r} is the title of several {self._name}s: {self._list(found)}"
            )
        closest = self._closest(_bare(names[0]))
        hint = f"; the closest titles are: {self._list(closest)}" if closest else ""
        raise ValueError(f"no {self._name} is called {title!r}{hint}")

    def _matches(self, name: str, year: int | None) -> list[int]:
        bare = _bare(name)
        if not bare:
            return []
        found = list(self._by_bare_name.get(bare, {}))
        if name != bare and (same_article := self._by_name.get(name)):
            found = list(same_article)  # "The X" was typed, and a film is called just that
        return [i for i in found if year is None or self._years[i] == year]

    def _closest(self, bare: str) -> list[int]:
        words = set(bare.split())
        holding = [n for n in self._by_bare_name if words and words <= set(n.split())]
        holding.sort(key=len)
        alike = difflib.get_close_matches(bare, list(self._by_bare_name), n=_SHOWN, cutoff=0.5)
        items: dict[int, None] = {}
        for name in (*holding[: _SHOWN // 2], *alike):
            items.update(self._by_bare_name[name])
        return list(items)[:_SHOWN]

    def _list(self, items: list[int]) -> str:
        more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
        shown = (f"{self._titles[item]!r} (item {item!r})" for item in items[:_SHOWN])
        return ", ".join(shown) + more


def _names_and_year(title: str) -> tuple[list[str], int | None]:
    """All names in a title, plain (main one first), and its year or None."""
    text = title.strip()
    year = None
    if match := _YEAR.search(text):
        year, text = int(match[1]), text[: match.start()].strip()
    names = [text]
    while match := re.search(r"\s*\(([^()]*)\)$", text):
        text = text[: match.start()]
        names += [text, re.sub(r"^(?:a\.?k\.?a\.?)\s+", "", match[1], flags=re.IGNORECASE)]
    plain = [_plain(name) for name in names]
    return list(dict.fromkeys(name for name in plain if name)) or [""], year


def _plain(name: str) -> str:
    """Lower case, no accents or punctuation, the article in front: 'matrix, The' → 'the matrix'."""
    name = name.strip()
    if match := _LAST_ARTICLE.match(name):
        name = f"{match['article']} {match['rest']}"
    name = unicodedata.normalize("NFKD", name).casefold()
    name = "".join(c for c in name if not unicodedata.combining(c))
    name = name.replace("&", " and ").replace("'", "").replace("’", "")
    return " ".join(re.sub(r"[^\w]+", " ", name).split())


def _bare(name: str) -> str:
    """Without a leading English article, unless nothing would be left."""
    return re.sub(r"^(?:the|an|a) (?=\S)", "", name)
