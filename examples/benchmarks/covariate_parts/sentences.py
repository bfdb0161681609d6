"""What may be planned at a shop, in many words: the sentences of the unseen ones share no content word with the others.

So nothing that merely counts words can carry over what it learned; `shared_words` proves it.
"""

import re

LEARNED: dict[str, tuple[str, ...]] = {
    "promotion": (
        "A promotion starts tomorrow.",
        "All prices are cut by half for the next two weeks.",
        "From tomorrow every customer gets a large discount.",
        "The chain advertises special offers on television.",
        "Coupons were sent to every household in town.",
        "Two articles for the price of one, starting now.",
        "The store celebrates its anniversary with a huge discount campaign.",
        "Promotional prices apply to the whole range.",
        "A price cut of forty percent was announced.",
        "Customers receive vouchers and free gifts with each purchase.",
        "A campaign with reduced prices begins.",
        "The shop advertises discounts in the newspaper.",
        "Half price on the whole assortment, starting tomorrow.",
        "Loyal customers get thirty percent off.",
        "Special offers are announced for the whole fortnight.",
        "The price of every article was lowered.",
        "Everything is twenty percent off.",
        "A summer campaign with special prices starts tomorrow.",
        "The price list was cut for two weeks.",
        "Vouchers worth ten euros were sent to customers.",
        "The discount week of the chain begins.",
        "Reduced prices in every department.",
        "The shop gives away free samples and coupons.",
        "A discount of half the price is advertised.",
    ),
    "closing": (
        "The shop will be closed for renovation.",
        "The building is being repaired and nobody gets in.",
        "The owner is ill and the doors stay shut.",
        "The staff go on strike from tomorrow.",
        "After the fire the store is closed.",
        "The premises are locked until further notice.",
        "The health office has ordered the shop to shut.",
        "The business pauses while the floor is rebuilt.",
        "There is no electricity and the doors remain locked.",
        "The branch suspends trading during the repair.",
        "Closed until the renovation is finished.",
        "The store shuts its doors because the roof leaks.",
        "A strike has closed the shop.",
        "Nobody may enter the building after the fire.",
        "The owner closes the shop and travels abroad.",
        "Trading stops while the water pipes are repaired.",
        "The shop closes its doors for two weeks.",
        "Nobody is served while the roof is repaired.",
        "The store is shut by order of the city.",
        "Under renovation: the doors stay closed.",
        "The staff are on strike and the store is locked.",
        "The shop remains shut because the owner is in hospital.",
        "Closed for repairs.",
        "The building was damaged and is closed.",
    ),
    "later": (
        "A public holiday in the second week will bring many visitors.",
        "Next week the city festival fills the streets.",
        "In a week from now the school holidays begin and tourists arrive.",
        "The town expects large crowds for the carnival next week.",
        "A week from today the national day is celebrated.",
        "The second week is Christmas week.",
        "Many guests come for the music festival in the second week.",
        "The great fair starts in a week.",
        "The week after this one is Easter.",
        "Holiday makers will fill the town in the second week.",
        "Next week brings the summer holidays and many tourists.",
        "A marathon with thousands of visitors is held in the second week.",
        "The carnival begins in one week.",
        "Crowds are expected for the fair next week.",
        "The city celebrates its festival in the second week.",
        "A week from now the visitors of the trade fair arrive.",
        "In the second week the town celebrates.",
        "Next week is a public holiday.",
        "Tourists fill the city for the festival, a week from now.",
        "The second week brings carnival crowds.",
        "The Christmas fair starts in one week.",
        "Thousands of guests are expected next week.",
        "The summer festival begins a week from today.",
        "Visitors arrive for the marathon in the second week.",
    ),
    "nothing": (
        "Nothing special is planned.",
        "Business as usual.",
        "There are no events in sight.",
        "The shop runs as always.",
        "An ordinary fortnight is expected.",
        "No changes are foreseen.",
        "Everything stays as it was before.",
        "The manager has nothing to report.",
        "It will be a quiet, normal time.",
        "No particular plans for these weeks.",
        "Usual business without events.",
        "The coming fortnight is a normal one.",
        "Nothing out of the ordinary is foreseen.",
        "A quiet time as always.",
        "No events and no changes are planned.",
        "The shop expects nothing unusual.",
        "No special events.",
        "The fortnight will be an ordinary one.",
        "As usual, nothing is planned.",
        "The shop trades as always.",
        "There are no particular plans.",
        "Nothing changes.",
        "It is a normal fortnight.",
        "All quiet, as before.",
    ),
}

UNSEEN: dict[str, tuple[str, ...]] = {
    "promotion": (
        "Massive bargains await.",
        "We are selling our goods at rock-bottom rates.",
        "A clearance sale with markdowns.",
        "Shoppers save a lot of money here.",
        "Cheap deals on many products this month.",
        "Buy three items and pay for two.",
    ),
    "closing": (
        "We are not operating because of construction work.",
        "Temporarily out of service owing to flood damage.",
        "This place is under quarantine.",
        "Workers walked out and the facility is inaccessible.",
        "Shutdown of the outlet for maintenance.",
        "Bankruptcy proceedings have halted operations.",
    ),
    "later": (
        "Seven days ahead a popular parade attracts people from everywhere.",
        "Thanksgiving falls on the following weekend, with lots of travellers.",
        "An open-air concert takes place in eight days.",
        "Vacation season kicks off seven days later.",
        "The region hosts a sporting event soon, about seven days away.",
        "Pilgrims come in masses from the eighth morning on.",
    ),
    "nothing": (
        "Regular operation continues.",
        "Routine, without surprises.",
        "Just typical days.",
        "We anticipate average conditions.",
        "Standard schedule, uneventful.",
        "Steady demand, like in previous periods.",
    ),
}

FUNCTION_WORDS = """
a about after all an and are as at away because by come during each every everything for from has have here in
is it its just like many may no not nothing now of off on one our out the there these this three to two under
until was we were while will with without
"""


def shared_words() -> set[str]:
    """Content words that learned and unseen sentences have in common."""
    learned, unseen = (
        {word for group in sentences.values() for text in group for word in re.findall(r"[a-z]+", text.lower())}
        for sentences in (LEARNED, UNSEEN)
    )
    return (learned & unseen) - set(FUNCTION_WORDS.split())
