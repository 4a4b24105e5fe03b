"""The invented films of the built-in sample. No film of these exists, as far as we know."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# Tastes drift along this ring, from each genre to the next and from the last to the first.
GENRES = (
    *("Comedy", "Romance", "Drama", "Mystery", "Crime"),
    *("Horror", "Sci-Fi", "Fantasy", "Adventure", "Children's"),
)
_PARTS = (4, 4, 4, 3)  # how many films each of a genre's four series has
_NUMERALS = ("", " II", " III", " IV")
_SERIES = """
Accidental Mayor, The|Three Plumbers and a Piano|My Uncle the Roundabout|Landlord of Puddle, The
Letters to the Wrong Address|Pier at Ferrow Bay, The|Baker's Other Daughter, The|Tuesdays in Trieste
House on Tern Street, The|Sons of the Salt Works|Long Harvest Home, The|Ironmonger's Year, The
Lantern Keepers, The|Inspector Quill|Clock with No Hands, The|Murder Before Low Tide
Velvet Crowbar, The|Docklands Ledger, The|One Last Job for Mabel|Midnight Weighbridge
Cellar on Crane Hill, The|It Came from the Compost|Night of the Damp|Whispering Wallpaper, The
Orbit of Glass|Last Robot in Leeds, The|Static from Saturn|Colony of Nine
Thornwick Witches, The|Dragon's Dentist, The|Sword of the Reluctant Heir|King Under the Carpet, The
Captain Rosalind Storm|Lost Map of Umber, The|Balloon over Patagonia|River of Small Diamonds
Otter Detectives, The|Professor Pumpernickel|Wellington the Brave Duck|Moonbeam Circus, The
"""
_SINGLES = """
Two Left Umbrellas|Soup for Eleven|Understudy's Understudy, The|Goat in the Boardroom, A|\
Please Hold for Gerald|Wrong Tuba, The|Half Past Marmalade|Best Man, Worst Speech|\
Committee for Fun, The|Late Again, Mr. Pemberton|Nine Waiters|Return to Sender, Twice|\
Inflatable Cathedral, The|My Other Car Is a Llama|Beige Alert
Last Lamplighter, The|Rain Check for Two|Her Handwriting|Orchard in Winter, An|\
Cartographer's Valentine, The|Between Two Ferries|Eleven Dances|Piano Tuner of Plum Street, The|\
Sugar, No Milk|Postmarked August|Room Above the Florist, A|Almost Marseille|\
Weather Girl and the Sailor, The|Umbrella Season|Dear Occupant
What the Tide Left|Quiet Clerk, The|Ashes of the Orchard|Ninety Winters|Bridge Painter, The|\
Debt of Bread, A|Mother's Good Coat|Second Violin of Halden, The|Small Hours, Small Town|\
Names on the Gym Wall, The|Coal Sunday|Last Lamplighter, The|Borrowed Ground|Honest Scale, An|\
Waiting Room Seven
Thirteenth Piano Key, The|Who Moved the Bishop?|Vanishing Verger, The|Cold Tea for the Colonel|\
Locked Conservatory, The|Footprints in the Flour|Ventriloquist's Alibi, The|\
One Corpse Too Many for Tea|Crossword at Midnight|Nobody at Number Nine|\
Missing Chapter Twelve, The|Blind Beekeeper, The|Seven Keys, Six Doors|\
Mrs. Thackeray Remembers|Echo in the Attic, The
Three Fences Down|Honest Forger, The|Dead Drop Diner|Getaway Milk Float, The|\
Counting House Blues|Bail for Bernard|Concrete Choir, The|Snitch in Time|\
Safe as Houses, Twice Robbed|Pawnbroker's Parrot, The|Grey Market Sunday|Blackmail by the Pound|\
Nine-Fingered Dealer, The|Witness on the Late Ferry|Petty Cash, Large Bag
Thing in the Airing Cupboard, The|Do Not Water After Dark|Hungry Pew, The|\
Teeth of the Scarecrow|Grandmother's Other Eyes|Moth Parade, The|Basement of a Thousand Chairs|\
She Knits in the Dark|Undertaker's Intern, The|Blood on the Bunting|Well Remembers, The|\
Fog with a Face|Ninth Guest Is Cold, The|Curse of the Garden Gnome|Mildew Most Foul
Gravity Tax, The|Tomorrow's Weather, Yesterday|Android on Sick Leave|Moon Has a Landlord, The|\
Twelve Minutes to Neptune|Uninvited Satellite, The|Warranty Void on Mars|Clone Called Clive, A|\
Silence Between Antennas, The|Parallel Parking|Planet of the Accountants|Time Machinist, The|\
Zero-G Wedding|Last Firmware Update, The|Beacon Not Found
Moonlit Cobbler, The|Wizard of Modest Means, A|Glass Heron, The|Spells for Late Beginners|\
Troll at Toll Bridge, The|Unicorn, Slightly Used|Wandering Bell Tower, The|Prince of Puddles|\
Enchanted Filing Cabinet, The|Nine Wishes and a Refund|Ogre's Apprentice Baker, The|\
Riddle Orchard, The|Beneath the Copper Mountain|Last Honest Oracle, The|Cloak of Starlings, A
Six Camels West|Emperor's Compass, The|Treasure of Shallow Bay|Longest Rope Bridge, The|\
Into the Teapot Volcano|Cargo for Cape Disappointment|Parrot Knows the Way, The|Sledges at Dawn|\
Smuggler's Almanac, The|Raft of the Geographers|Ivory Lighthouse|Where the Maps Stop|\
Great Yak Robbery, The|Compass for Clara, A|Monsoon Timetable
Boy Who Borrowed the Moon, The|Hamish and the Enormous Hat|Snail Who Was Late, The|\
Penguins in the Post Office|My Teacher Is a Teapot|Biscuit Thieves, The|\
Dorothea's Flying Bathtub|Bear at Breakfast, A|Littlest Lighthouse, The|Trouble at Turnip Farm|\
Kite That Came Back, The|Gilbert Goes to Sea|Sock Expedition, The|Marmot Summer|\
Grandpa's Paper Zoo
"""


@dataclass(frozen=True)
class Films:
    """The catalogue, ordered by genre: film f has genre f // (number of films in a genre).

    table: indexed by raw id, in the order of the films; title, genres, year.
    raw_ids: (F,) int64, increasing in no order that means anything, with gaps as in MovieLens.
    series: (F,) the number of the film's series, -1 for a single film.
    follows: (F,) the film that must have been seen before (the part before), -1 for none.
    followed_by: (F,) the next part, -1 for none.
    popularity: (F,) how often it is picked within its genre; 0 for later parts of a series.
    """

    table: pd.DataFrame
    raw_ids: np.ndarray
    series: np.ndarray
    follows: np.ndarray
    followed_by: np.ndarray
    popularity: np.ndarray

    @property
    def per_genre(self) -> int:
        """Films in a genre."""
        return len(self.raw_ids) // len(GENRES)


def make_films(rng: np.random.Generator, num_items: int) -> Films:
    """The first num_items / 10 films of each genre, with years, popularity and raw ids drawn."""
    per_genre = num_items // len(GENRES)
    titles: list[str] = []
    years: list[int] = []
    series: list[int] = []
    part: list[int] = []
    for genre, (all_series, all_singles) in enumerate(
        zip(_rows(_SERIES), _rows(_SINGLES), strict=True)
    ):
        rows: list[tuple[str, int, int, int]] = []
        for number, (name, parts) in enumerate(zip(all_series, _PARTS, strict=True)):
            year = int(rng.integers(1968, 1990))
            for k in range(parts):
                rows.append((_numbered(name, k), year, genre * len(_PARTS) + number, k))
                year += int(rng.integers(1, 4))
            for single in all_singles[4 * number : 4 * number + 4]:
                rows.append((single, int(rng.integers(1936, 2001)), -1, 0))
        for title, year, number, k in rows[:per_genre]:
            titles.append(f"{title} ({year})")
            years.append(year)
            series.append(number)
            part.append(k)
    later = np.array(part) > 0  # not the first of a series
    films = np.arange(num_items)
    has_next = np.append(later[1:], False)
    raw_ids = rng.permutation(num_items * 4 // 3)[:num_items] + 1
    table = pd.DataFrame(
        {
            "title": pd.Series(titles, dtype="str"),
            "genres": pd.Series(_genre_names(rng, num_items), dtype="str"),
            "year": pd.array(years, dtype="Int64"),
        }
    ).set_index(pd.Index(raw_ids, name="item"))
    return Films(
        table=table,
        raw_ids=raw_ids,
        series=np.array(series),
        follows=np.where(later, films - 1, -1),
        followed_by=np.where(has_next, films + 1, -1),
        popularity=np.where(later, 0.0, _skewed(rng, num_items, per_genre)),
    )


def _rows(text: str) -> list[list[str]]:
    return [line.split("|") for line in text.strip().split("\n")]


def _numbered(name: str, part: int) -> str:
    """'Lantern Keepers, The' as part 1 (counted from 0) → 'Lantern Keepers II, The'."""
    if name.endswith(", The"):
        return f"{name.removesuffix(', The')}{_NUMERALS[part]}, The"
    return name + _NUMERALS[part]


def _genre_names(rng: np.random.Generator, num_items: int) -> list[str]:
    """Each film's own genre and, for every third or so, another one, in alphabetical order."""
    own = np.arange(num_items) * len(GENRES) // num_items
    other = (own + rng.integers(1, len(GENRES), num_items)) % len(GENRES)
    both = rng.random(num_items) < 0.35
    return [
        "|".join(sorted({GENRES[a], GENRES[b]} if two else {GENRES[a]}))
        for a, b, two in zip(own, other, both, strict=True)
    ]


def _skewed(rng: np.random.Generator, num_items: int, per_genre: int) -> np.ndarray:
    """Within each genre a film of rank r is picked in proportion to 1 / r."""
    ranks = [rng.permutation(per_genre) + 1 for _ in range(num_items // per_genre)]
    return 1.0 / np.concatenate(ranks)
