"""From a typed-in film title to its item: 'the matrix' finds 'Matrix, The (1999)'."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

import pandas as pd

from seqrec_lib.common.messages import PlainError

_ARTICLES = "the|a|an|le|la|les|l'|il|lo|gli|i|el|los|las|der|die|das|o|os|as|un|une|una|en|den|det"
_LAST_ARTICLE = re.compile(rf"^(?P<rest>.+), (?P<article>{_ARTICLES})$", re.IGNORECASE)
_YEAR = re.compile(r"\(\s*(\d{4})(?:\s*[-–]\s*\d{0,4})?\s*\)\s*(?:\((?:V|TV|VG)\))?\s*$", re.I)
_BARE_YEAR = re.compile(r"[\s,]+((?:18|19|20)\d{2})$")
_SHOWN = 5
_ROMAN = {  # numerals → digits
    **dict(zip(("i", "ii", "iii", "iv", "v"), "12345", strict=True)),
    **dict(zip(("vi", "vii", "viii", "ix"), "6789", strict=True)),
}


def without_year(title: str) -> str:
    """'Heat (1995)' is 'Heat'; a title that ends with no year, such as 'Tea (250 g)', stays."""
    return _YEAR.sub("", title).rstrip()


class TitleError(PlainError, ValueError):
    """Titles that mean no film, or several."""


class TitleIndex:
    """Finds item ids by title. Case, accents, punctuation, year and leading article are optional.

    The beginning of a title is enough where only one film begins like that, and a number may be
    Roman or not: "rocky 2" is "Rocky II (1979)".

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
        main: dict[int, str] = {}  # without the other names in brackets
        for item, title in self._titles.items():
            names, self._years[item] = _names_and_year(title)
            main[item] = names[0]
            for name in names:
                self._by_name.setdefault(name, {})[item] = None
                self._by_bare_name.setdefault(_bare(name), {})[item] = None
        self._words = [(_words(name), ids) for name, ids in self._by_name.items() if _words(name)]
        self._main_words = [(_words(main[i]), [i]) for i in self._titles if _words(main[i])]
        self._newest = max((year for year in self._years.values() if year), default=None)

    def find(self, title: str) -> int:
        """The item id of the one film that the title means.

        A typed article, other title or year narrows the choice; what is not typed is not asked.
        Where only the beginning of one title was typed, a line is printed that says which film it
        is taken for.
        Raises TitleError: with the choices where several films match, with the closest titles
        where none does; TypeError for anything but text.
        """
        item, complaint, guessed = self._look_up(title)
        if item is None:
            raise TitleError(complaint)
        if guessed:
            print(f"{title!r} is taken for {self._titles[item]!r}")
        return item

    def find_all(self, titles: Iterable[str]) -> dict[str, int]:
        """`find` for several titles: {title: item id}. One TitleError names all that are wrong."""
        found = {title: self._look_up(title) for title in titles}
        wrong = [complaint for item, complaint, _ in found.values() if item is None]
        if len(wrong) > 1:
            raise TitleError("\n  ".join([f"{len(wrong)} titles are not clear:", *wrong]))
        return {title: self.find(title) for title in found}

    def search(self, text: str = "", k: int = 10) -> list[int]:
        """At most k item ids whose titles hold all words of a text, the last one perhaps half.

        Those that begin with the text come first; where none holds it, those spelt most alike.
        An empty text finds all, by title.
        """
        for name, year in _readings(text):
            typed = _words(name)
            found: dict[int, tuple[int, str]] = {}
            for words, items in self._words:
                if all(any(word.startswith(part) for word in words) for part in typed):
                    begins = " ".join(words).startswith(" ".join(typed))
                    order = 0 if words == typed else 1 if begins else 2
                    for item in self._of_year(items, year):
                        key = (order, self._titles[item])
                        found[item] = min(key, found.get(item, key))
            if found:
                return sorted(found, key=found.__getitem__)[:k]
        return self._closest(_bare(_plain(text)))[:k]

    def _look_up(self, title: str) -> tuple[int | None, str, bool]:
        """(item id or None, what is wrong, whether it is a guess from the title's beginning)."""
        if not isinstance(title, str):
            raise TypeError(f"title must be text, got {type(title).__name__} {title!r}")
        readings = _readings(title)
        for name, year in readings:
            found = self._matches(name, year)
            exact = [i for i in found if self._titles[i].casefold() == title.strip().casefold()]
            found = exact if len(exact) == 1 else found
            if len(found) == 1:
                return found[0], "", False
            if found:
                return (
                    None,
                    f"{title!r} is the title of several {self._name}s: {self._list(found)}",
                    False,
                )
        for name, year in readings:
            begun = self._begun(name, year)
            if len(begun) == 1:
                return begun[0], "", True
            if begun:
                several = f"{title!r} begins the titles of several {self._name}s"
                return None, f"{several}{self._newest_said()}: {self._list(begun)}", False
        return None, self._nothing(title, readings[-1][1], readings[0][0]), False

    def _nothing(self, title: str, year: int | None, name: str) -> str:
        said = f"no {self._name} is called {title!r}"
        if year is not None and self._newest is not None and year > self._newest:
            return f"{said}: it is too new, the newest {self._name} here is from {self._newest}"
        closest = self._closest(_bare(name))
        hint = f"; the closest titles are: {self._list(closest)}" if closest else ""
        return said + self._newest_said() + hint

    def _newest_said(self) -> str:
        return (
            ""
            if self._newest is None
            else f" (the newest {self._name} here is from {self._newest})"
        )

    def _matches(self, name: str, year: int | None) -> list[int]:
        bare = _bare(name)
        if not bare:
            return []
        found = list(self._by_bare_name.get(bare, {}))
        if name != bare and (same_article := self._by_name.get(name)):
            found = list(same_article)  # "The X" was typed, and a film is called just that
        if not found:
            typed = "".join(_words(name))
            alike = (ids for words, ids in self._words if "".join(words) == typed)
            found = list(dict.fromkeys(item for ids in alike for item in ids))
        return self._of_year(found, year)

    def _begun(self, name: str, year: int | None) -> list[int]:
        """The films one of whose names begins with the typed words, else: has them in this order
        and begins with the first, as "godfather 2" does for "Godfather: Part II, The"."""
        typed, plain = _words(name), f"{name} "
        if not typed:
            return []
        alternatives = (
            (ids for words, ids in self._main_words if words[: len(typed)] == typed),
            (ids for full, ids in self._by_name.items() if full.startswith(plain)),
            (ids for words, ids in self._words if words[: len(typed)] == typed),
            (ids for words, ids in self._words if words[0] == typed[0] and _in_order(typed, words)),
        )
        for alternative in alternatives:
            found = dict.fromkeys(item for ids in alternative for item in ids)
            if items := self._of_year(found, year):
                return sorted(items, key=self._titles.__getitem__)
        return []

    def _of_year(self, items: Iterable[int], year: int | None) -> list[int]:
        return [item for item in items if year is None or self._years[item] == year]

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
        titles = [self._titles[item] for item in items]
        shown = (
            f"{title!r}" + (f" (item {item!r})" if titles.count(title) > 1 else "")
            for item, title in zip(items[:_SHOWN], titles, strict=False)
        )
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


def _readings(title: str) -> list[tuple[str, int | None]]:
    """(plain name, year or None) of a typed title: as it is, and with a number at its end for the
    year."""
    names, year = _names_and_year(title)
    found = [(names[0], year)]
    if year is None and (bare_year := _BARE_YEAR.search(title.strip())):
        shorter = _names_and_year(title.strip()[: bare_year.start()])[0]
        found.append((shorter[0], int(bare_year[1])))
    return found


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


def _words(name: str) -> list[str]:
    """The words by which plain names are compared loosely: without article and "and", initials
    together, numbers as digits: "e t the extra terrestrial" → et the extra terrestrial."""
    name = re.sub(rf"^(?:{_ARTICLES}) (?=\S)", "", name)
    name = re.sub(r"\b(\w) (?=\w\b)", r"\1", name)
    first, *rest = name.split() or [""]
    words = [first, *(_ROMAN.get(word, word) for word in rest if word != "and")]
    return [word for word in words if word]


def _in_order(typed: list[str], words: list[str]) -> bool:
    rest = iter(words)
    return all(word in rest for word in typed)
