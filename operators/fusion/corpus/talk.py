"""What voices of made clips say that has nothing to do with what is seen or heard; each split has sentences of its own. Some sound as if
they had: a colour, a warning or a sound alone tells nothing."""

import random

from operators.fusion.corpus.names import NAMES, PLACES
from operators.fusion.invented import invented

CHANGED = 0.25
"""Share of words."""
TALK = {
    "train": (
        "nothing happens here today", "it was a long and quiet night", "we will be back in a moment", "the train is late again",
        "what a lovely day it is", "nobody knows how it began", "tomorrow it will be warmer",
        "the council has voted for the new bridge after a debate of three hours", "prices have risen for the fourth month in a row",
        "the minister said that no decision had been taken yet", "more than two hundred people came to the meeting last night",
        "our team has won five of the last six matches", "the second half was much better than the first",
        "rain is expected in the north and sunshine in the south", "the wind will turn to the west during the night",
        "cut the onions as thinly as you can and fry them slowly", "add a little salt and let it rest for an hour",
        "press the left key twice and wait until the lamp goes out", "the file is on the second page of the report",
        "i have never seen anything like it in my whole life", "she said she would call us back before noon",
        "we have been waiting for this since the beginning of the year", "it is not the first time that they have promised this",
        "could you please repeat the question", "i am not sure that i understand what you mean", "that is exactly what i was going to say",
        "let us move on to the next point", "thank you all very much for coming", "my grandmother used to tell us this story every winter",
        "there were four of them and none could swim", "he opened the letter read it twice and put it into the fire",
        "the old man had lived in that house for sixty years", "they walked along the river until it grew dark",
        "a good book is worth more than a bad friend", "what you need is a longer rope and a little patience",
        "scientists have found water where nobody had looked for it", "the telescope will be launched in the spring of next year",
        "this half of the machine weighs about three tons", "the experiment was repeated ten times with the same result",
        "computers can now do in a second what took us a week", "many of us have already met such systems at work or at home",
        "the more you practise the easier it becomes", "turn around after two miles and keep to the right",
        "your call is important to us please hold the line", "leave your name and your number after the tone",
        "the next bus goes at a quarter past nine", "we are sorry for any trouble that this may have caused",
        "i would rather have a cup of tea than another meeting", "the children have grown so much since last summer",
        "no i do not think that he meant it that way", "yes of course i will be there on time",
        "well that depends on how much money there is", "so what happened then", "oh i see", "right let me think about it", "good night",
        "the red party lost four seats and the green party won three", "she wore a blue dress and a yellow hat at the wedding",
        "the white paper was published in march", "my first bicycle was orange and far too large",
        "a star of the stage at nineteen she retired at thirty", "the ball is in their court now", "we had a square meal and went to bed",
        "leave it to me i know what to do", "everybody out there knows his songs", "stay with us after the news",
        "you must not believe all that you hear", "he was standing to the left of the mayor", "things are looking up again",
        "go down the stairs and through the second door", "the screen of my phone is broken", "i read it in the paper this morning",
        "the alarm did not ring so i missed my train", "they say that the music was too loud", "it rained for a week without a break",
        "the siren of that ship can be heard for miles", "his speech was met with applause", "there was no sound but the hum of the bees",
    ),
    "validation": (
        "the harvest was poor because of the dry summer", "we meet every thursday at the same table", "who would have thought that",
        "the price of bread has doubled within a year", "please send the parcel to the address below", "i like the green one better",
        "it takes about twenty minutes on foot", "an early frost has damaged the apples", "all right then let us begin",
        "the court will hear the case next week",
    ),
    "test": (
        "the museum of modern art will stay closed until may", "nobody expected the old champion to come back",
        "take the third road on the left and then ask again", "it is better to arrive late than never",
        "the doctors say that she may go home on sunday", "we counted more than a thousand birds that day",
        "the blue team scores again", "i have forgotten where i put my glasses", "and now the weather for the coming week",
        "half of the money has already been spent", "would you mind opening the window", "the key fits but it does not turn",
        "they sold the factory to a company from abroad", "hello can you hear me",
    ),
}  # fmt: skip


def talk(split: str, rng: random.Random) -> str:
    """A sentence of TALK of which some words are others: those of another sentence, names and places that are only spoken of, or invented
    ones. A word that was never heard is not yet a name, nor a name the speaker's."""
    words = rng.choice(TALK[split]).split()
    others = rng.choice(TALK[split]).split()
    for n in range(len(words)):
        if rng.random() < CHANGED:
            words[n] = rng.choice((rng.choice(others), rng.choice(others), rng.choice((*NAMES[split], *PLACES[split])), invented(rng)))
    return " ".join(words)
