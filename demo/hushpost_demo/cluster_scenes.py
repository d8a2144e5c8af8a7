"""In which words the demo on a cluster is told (docs/demo.md, "On a cluster")."""

from typing import Final

from hushpost_demo.scenes import Scene

# No word of these, and no two that stand side by side, are such as a server writes into its log or
# has in its memory: everything that is said is hunted there.
KNOCK: Final = "Greetings Bob! Alice here, orchard lane."
WELCOME: Final = "Alice! Splendid! Have your pears ripened?"
REPLY: Final = "Plenty. Visit me, bring baskets."
WHILE_AWAY: Final = (
    "Whisper this: I quit today.",
    "My next job: Lisbon, come January.",
    "Colleagues suspect zilch.",
)
WHILE_DEAD: Final = "My sister emigrates, too!"
WHILE_SERVER_DEAD: Final = "Grandmother knitted scarves, seven!"
ANSWER: Final = "Lisbon! Congratulations, I shall carry your boxes."

OPENING: Final = Scene(
    "Two people, two relays and a Redis cluster",
    "More people than one machine serves need several. Here two relays stand behind one address,"
    " and behind the relays six Redis servers: three that keep mail and three that copy it. Nothing"
    " is played: eight processes of their own start now. The middle column is asked of the Redis"
    " servers and of the relays' counters just before it is printed.",
)
ACCOUNTS: Final = Scene(
    "Both make an account, each at another relay",
    "The apps know one address. Whatever stands behind it leads Alice's app to relay A and Bob's to"
    " relay B. Redis keeps both accounts; the relays themselves keep none.",
)
FIRST_CONTACT: Final = Scene(
    "Alice knocks, Bob lets her in",
    "Her first words enter at relay A and reach Bob at relay B. Both apps then show the same safety"
    " number. If the two read it to each other and it is the same, nobody stands between them.",
)
ACROSS: Final = Scene(
    "They write, across relays",
    "A relay that takes mail in puts it into Redis and tells the other relay: there is something in"
    " this mailbox, up to this number. We listen in on what the relays tell each other.",
)
OFFLINE: Final = Scene(
    "Bob's app is closed; Alice goes on writing",
    "Now Redis has to keep mail: sealed envelopes, all of one size, under the random name of a"
    " mailbox. The server that keeps this mailbox wrote each to its disk, and a second server too,"
    " before Alice's app was told that it is safe.",
)
RELAY_KILLED: Final = Scene(
    "Relay A is killed",
    "Signal 9, as if it crashed. Alice's app is connected to it and writes on. Nobody tells the app"
    " anything: it dials the one address again.",
)
SERVER_KILLED: Final = Scene(
    "The Redis server with Bob's mail is killed, too",
    "Signal 9 again. The server that copied it notices, asks the others, and takes over. While"
    " nobody copies the new one, the relay takes in no mail for it: it could not promise that the"
    " mail is on two disks. Alice's app keeps what she writes. Then the dead server starts again.",
)
RETURNED: Final = Scene(
    "Bob opens his app",
    "One relay is dead and his mailbox has moved. What Alice's app was told is safe is all there:"
    " everything arrives once, and in the order in which it was written.",
)
GONE: Final = Scene(
    "What was read is gone",
    "Redis deleted each envelope when Bob's app had it. But Redis writes all it does into a log,"
    " and a deletion is one more line in it. So relays have the logs written anew within fifteen"
    " minutes; the demo asks for it now, to save you the wait.",
)
SCAN: Final = Scene(
    "Looking for a leak",
    "Last, we read every file that relays and Redis servers wrote, and the memory of all six Redis"
    " processes. We look for every word that was said and for both names, in many spellings. Then"
    " we plant the same words on purpose, in files and in Redis itself, to see that looking finds.",
)

CLEAN: Final = (
    "No word that was said stands in anything that relays or Redis wrote. A relay and a Redis"
    " server died on the way; nothing was lost, and nothing came twice."
)
