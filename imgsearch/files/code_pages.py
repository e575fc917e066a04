"""Text that does not say how it is encoded, such as file names in zip files of Korean, Japanese and Chinese Windows.

What is not UTF-8 is taken for the code page of that language whose text it is most likely to be. In this model a letter
comes from ASCII (half of them), from the ordinary letters of a code page (nearly all others) or from its further ones, each
as likely as any other of its kind. So of several pages that decode, that one wins for which the letters are ordinary, and
of those the one that has fewer, which explains them more closely: Korean and Chinese share most pairs of bytes.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_P_ASCII, _P_FURTHER = 0.5, 0.01
_N_ASCII, _N_FURTHER = 95, 10_000
_OF_THE_LANGUAGE = math.log(100)
"""What it is worth that somebody's language is that of a page: as if its text were a hundred times as frequent."""


@dataclass(frozen=True)
class CodePage:
    """How Windows encodes text in a language.

    Attributes:
        name: Python's name of it.
        language: For people.
        locales: How names of the language's locales begin, in lower case.
        standard, ordinary: The encoding of which it is an extension, and in that the codes of the ordinary letters, first
            and last: the syllables of KS X 1001; kana and level 1 of JIS X 0208; level 1 of GB 2312 and of Big5.
    """

    name: str
    language: str
    locales: tuple[str, ...]
    standard: str
    ordinary: tuple[tuple[int, int], ...]

    @cached_property
    def letters(self) -> frozenset[str]:
        """The ordinary letters."""
        codes = [code for first, last in self.ordinary for code in range(first, last + 1)]
        decoded = [code.to_bytes(1 + (code > 0xFF)).decode(self.standard, "ignore") for code in codes]
        return frozenset(text for text in decoded if len(text) == 1 and not text.isascii())

    def plausibility(self, text: str) -> float:
        """Logarithm of the probability of a text in the language."""
        n_ascii = sum(letter.isascii() for letter in text)
        n_ordinary = sum(letter in self.letters for letter in text)
        return (
            n_ascii * math.log(_P_ASCII / _N_ASCII)
            + n_ordinary * math.log((1 - _P_ASCII - _P_FURTHER) / len(self.letters))
            + (len(text) - n_ascii - n_ordinary) * math.log(_P_FURTHER / _N_FURTHER)
        )


_WESTERN = ("da", "de", "es", "fi", "fr", "it", "nb", "nl", "no", "pt", "sv")
CODE_PAGES = (
    CodePage("cp949", "Korean", ("ko",), "euc_kr", ((0xB0A1, 0xC8FE),)),
    CodePage("cp932", "Japanese", ("ja",), "shift_jis", ((0x815B, 0x815B), (0x829F, 0x8396), (0x889F, 0x9872))),
    CodePage("gbk", "simplified Chinese", ("zh",), "gb2312", ((0xB0A1, 0xD7FE),)),
    CodePage("cp950", "traditional Chinese", ("zh_tw", "zh_hk", "zh_mo", "zh_hant"), "big5", ((0xA440, 0xC67E),)),
    CodePage("cp437", "Western European", _WESTERN, "cp437", ((0x80, 0xA5), (0xE1, 0xE1))),
    CodePage("cp1252", "Western European", _WESTERN, "cp1252", ((0xC0, 0xFF),)),
)
"""cp437 decodes everything: the format of zip files prescribes it for names that are not UTF-8."""


def decode(texts: Sequence[bytes], *, locale: str | None = None) -> tuple[list[str], CodePage | None]:
    """Texts that are all encoded alike.

    Args:
        texts: Bytes of each.
        locale: Of who asks, such as "ko_KR.UTF-8" or "ko": the language that counts where several are about as likely.
            Defaults to this machine's.

    Returns:
        The texts, and the code page that was assumed; None where they are UTF-8.
    """
    try:
        return [text.decode() for text in texts], None
    except UnicodeDecodeError:
        pass
    likely = _of_language(_locale_here() if locale is None else locale)
    found: list[tuple[float, list[str], CodePage]] = []
    for page in CODE_PAGES:
        try:
            decoded = [text.decode(page.name) for text in texts]
        except UnicodeDecodeError:
            continue
        bonus = _OF_THE_LANGUAGE if page in likely else 0
        found.append((bonus + sum(map(page.plausibility, set(decoded))), decoded, page))
    _, decoded, page = max(found, key=lambda each: each[0])
    return decoded, page


def _locale_here() -> str:
    names = ("LC_ALL", "LC_CTYPE", "LANG")  # POSIX, XBD 8.2: the first that is set counts
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _of_language(locale: str) -> list[CodePage]:
    """The code pages of a locale's language: those whose name of it is the longest that fits, zh_tw rather than zh."""
    locale = locale.lower().replace("-", "_")
    fits = [(len(name), page) for page in CODE_PAGES for name in page.locales if re.match(rf"{name}([_.@]|$)", locale)]
    return [page for length, page in fits if length == max(fits, key=lambda fit: fit[0])[0]]
