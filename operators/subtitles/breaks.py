"""Where a text may be broken for a reader: after punctuation, before a new phrase, never between words that belong together.

After the timed-text guides of Netflix and the BBC. What is known of a language is a table of its small words; languages without
one are broken by their punctuation and their pauses alone.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from operators.sentences import CLOSERS, SENTENCE_ENDS, ends_sentence, primary

SENTENCE, CLAUSE, COMMA, SEGMENT, CONJUNCTION, PREPOSITION = 0, 100, 150, 200, 300, 400
ANYWHERE, NAME, ADJECTIVE, CLINGING = 600, 1100, 1200, 1300
"""What it costs to break there, in hundredths. `CLINGING`: it parts words that belong together."""
CLAUSE_ENDS, COMMAS = ";:—–；：؛", ",，、،"
OPENERS = "\"'“‘«([{「『（¿¡"
UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages written without spaces between words."""


@dataclass(frozen=True, slots=True)
class _Grammar:
    conjunctions: frozenset[str]
    prepositions: frozenset[str]
    clinging: frozenset[str]
    """Articles, possessives, subject pronouns, auxiliaries, titles: no break behind them."""
    adjectives: frozenset[str] = frozenset()
    """The most frequent ones; of the rest `endings` tells some."""
    endings: tuple[str, ...] = ()


def _grammar(conjunctions: str, prepositions: str, clinging: str, adjectives: str = "", endings: str = "") -> _Grammar:
    sets = [frozenset(words.split()) for words in (conjunctions, prepositions, clinging, adjectives)]
    return _Grammar(sets[0], sets[1], sets[2], sets[3], tuple(endings.split()))


GRAMMARS = {
    "en": _grammar(
        "and but or nor so yet because although though while when where whereas if unless until since that which who whom whose than as",
        "of in on at to for from with without by about into onto over under after before between through during against among across "
        "behind beyond near off out around toward towards upon within like",
        "a an the this these those my your his her its our their some any no every each another very more most too such "
        "i you he she it we they i'm you're he's she's it's we're they're i'll you'll he'll she'll it'll we'll they'll "
        "i've you've we've they've "
        "am is are was were be been being have has had do does did will would shall should can could may might must not "
        "don't doesn't didn't won't can't couldn't wouldn't shouldn't isn't aren't wasn't weren't let's mr mrs ms dr st prof",
        "good bad new old young great big small little large long short high low early late first last next own whole full empty hot cold "
        "dark bright black white red green blue real true main public whole different important strong weak heavy quick slow deep wide",
        "ful ous ive able ible less ish",
    ),
    "de": _grammar(
        "und aber oder denn sondern doch weil dass obwohl während wenn als ob bis damit nachdem bevor wo wie der die das welche welcher",
        "in im an am auf aus bei beim mit nach von vom zu zum zur für um durch gegen ohne über unter vor hinter neben zwischen seit",
        "ein eine einen einem einer eines den dem des mein meine dein deine sein seine ihr ihre unser unsere euer kein keine dieser diese "
        "dieses jeder jede ich du er sie es wir man bin bist ist sind war waren habe hat haben hatte hatten werde wird werden wurde wurden "
        "kann können konnte muss müssen musste soll sollen will wollen darf mag nicht sehr zu herr frau dr",
        "gut gute guten guter gutes neue neuen neuer neues alte alten alter altes große großen großer großes kleine kleinen kleiner",
    ),
    "fr": _grammar(
        "et mais ou donc or ni car que qui dont où quand lorsque puisque parce comme si tandis",
        "de du des à au aux en dans sur sous avec sans pour par chez entre vers contre depuis pendant avant après jusque",
        "le la les l' un une ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs je j' tu il elle on nous "
        "vous ils elles ne n' se s' me te est sont était étaient ai as a avons avez ont avait suis es sommes êtes sera très plus",
    ),
    "es": _grammar(
        "y e pero o u ni sino porque aunque que quien cuando donde como si mientras pues",
        "de del a al en con sin por para sobre entre hasta desde hacia contra según durante ante bajo tras",
        "el la los las un una unos unas este esta estos estas ese esa mi mis tu tus su sus nuestro nuestra yo tú él ella nosotros ellos "
        "ellas usted ustedes no se me te lo le les nos es son era eran fue está están he has ha hemos han había muy más dr",
    ),
}


@lru_cache(4096)
def cost(before: str, after: str, language: str, new_segment: bool) -> int:
    """Cost of a break between two words; `new_segment`: the recogniser begins another segment there."""
    grammar = GRAMMARS.get(primary(language))
    last, first = _bare(before), _bare(after)
    end = before.rstrip(CLOSERS)[-1:]
    if ends_sentence(before):
        return SENTENCE
    if end and end in CLAUSE_ENDS + COMMAS:
        return CLAUSE if end in CLAUSE_ENDS else COMMA
    if new_segment:
        return SEGMENT
    if grammar is None:
        return ANYWHERE
    if last in grammar.prepositions or last in grammar.conjunctions:
        return CLINGING
    if first in grammar.conjunctions:
        return CONJUNCTION
    if first in grammar.prepositions:
        return PREPOSITION
    if last in grammar.clinging:
        return CLINGING
    if last in grammar.adjectives or (len(last) > 5 and last.endswith(grammar.endings)):
        return ADJECTIVE
    names = not language.startswith("de") and before.lstrip(OPENERS)[:1].isupper() and after[:1].isupper()
    return NAME if names else ANYWHERE


@lru_cache(65536)
def width(text: str) -> int:
    """Columns that a text takes: wide characters (Chinese, Japanese, Korean) take two, marks that combine none."""
    return sum(_columns(c) for c in text)


def space(language: str) -> str:
    """What stands between two words."""
    return "" if primary(language) in UNSPACED else " "


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _bare(word: str) -> str:
    return word.strip(OPENERS + CLOSERS + SENTENCE_ENDS + CLAUSE_ENDS + COMMAS).lower().replace("’", "'")
