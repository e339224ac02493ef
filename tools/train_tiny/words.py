"""What says what: for every value of every attribute the words a prompt may use for it, written by hand.

The plain word comes first. After it come synonyms, then *near words*: things the model cannot draw, filed under the
nearest thing it can (a dog is drawn as the cat it was never taught to tell it from). A saying is of one value alone; it
may have several words, and the longest one counts: a "pine tree" is no "tree", a "white background" is not white.
"""

from __future__ import annotations

from tools.train_tiny.scene import Scene


def listed(text: str) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(" ".join(part.split()) for part in text.split(","))


_SUBJECTS = {
    "house": """house, home, cottage, cabin, hut, villa, barn, building, church, school, mansion, farmhouse, shed,
        bungalow, chalet, farm, hotel, shop, store, inn, temple, library, garage, bakery, treehouse, doghouse""",
    "castle": """castle, fortress, palace, fort, citadel, chateau, stronghold, kingdom, sandcastle, cathedral, ruins,
        dungeon, monastery, fairy tale castle, bridge, pyramid, gate""",
    "lighthouse": """lighthouse, light house, beacon, tower, watchtower, light tower, skyscraper, chimney, obelisk,
        eiffel tower, minaret, column, pillar, candle, lamp, lantern""",
    "windmill": """windmill, mill, wind mill, wind turbine, turbine, dutch windmill, wind wheel, pinwheel, fan,
        watermill, propeller, ferris wheel, weathervane""",
    "tent": """tent, camping tent, teepee, tipi, wigwam, campsite, camp, yurt, marquee, circus tent, shelter, pavilion,
        canopy, igloo, campfire, backpack""",
    "tree": """tree, oak, oak tree, maple, apple tree, birch, willow, elm, beech, bush, shrub, cherry tree, leafy tree,
        olive tree, plant, bonsai, tree trunk, fruit tree, hedge""",
    "pine": """pine, pine tree, fir, fir tree, spruce, christmas tree, conifer, evergreen, cedar, cypress, larch,
        redwood, sequoia, xmas tree, pinecone""",
    "cactus": """cactus, saguaro, succulent, prickly pear, cactus plant, aloe, agave, palm tree, palm, yucca,
        pineapple, bamboo, joshua tree""",
    "flower": """flower, rose, tulip, daisy, sunflower, blossom, lily, poppy, orchid, bloom, bouquet, dandelion,
        carnation, daffodil, wildflower, lotus, iris, hibiscus, petal, leaf, clover, flower pot""",
    "mushroom": """mushroom, toadstool, fungus, fly agaric, champignon, truffle, shroom, chanterelle, fungi, jellyfish,
        toad, gnome, acorn, pumpkin, strawberry, cupcake, muffin, ice cream""",
    "boat": """boat, ship, sailboat, yacht, sailing boat, sail boat, sailing ship, vessel, canoe, ferry, kayak, dinghy,
        raft, pirate ship, cruise ship, submarine, gondola, rowboat, fishing boat, schooner, frigate, surfboard""",
    "car": """car, truck, bus, taxi, van, vehicle, train, bicycle, automobile, cab, jeep, lorry, motorcycle, bike,
        tractor, sports car, race car, wagon, motorbike, scooter, tram, ambulance, fire truck, limousine, sedan,
        beetle, carriage, locomotive, tank, school bus, skateboard""",
    "rocket": """rocket, spaceship, spacecraft, space shuttle, missile, rocket ship, starship, shuttle, plane,
        airplane, aeroplane, jet, aircraft, helicopter, ufo, satellite, drone, space rocket, astronaut, pencil case,
        crayon""",
    "balloon": """balloon, hot air balloon, airship, zeppelin, blimp, air balloon, party balloon, kite, parachute,
        bubble, glider, lollipop, light bulb""",
    "umbrella": """umbrella, parasol, brolly, beach umbrella, sunshade, raincoat, hat, cap, helmet, crown, awning,
        shield""",
    "cat": """cat, kitten, kitty, dog, puppy, fox, rabbit, lion, tiger, bear, animal, pet, horse, cow, mouse, wolf,
        bunny, hamster, pig, sheep, goat, deer, elephant, monkey, panda, squirrel, tabby, feline, leopard, cheetah,
        zebra, giraffe, donkey, pony, unicorn, koala, raccoon, hedgehog, teddy bear, kangaroo, camel, creature,
        monster, frog, turtle, lizard, dinosaur""",
    "fish": """fish, shark, whale, dolphin, goldfish, salmon, tuna, trout, clownfish, seal, octopus, squid, crab,
        lobster, carp, koi, seahorse, stingray, eel, orca, tropical fish, mermaid, shrimp, crocodile, snake, shell""",
    "bird": """bird, duck, owl, eagle, chicken, penguin, parrot, dragon, butterfly, robin, sparrow, crow, raven,
        pigeon, dove, swan, goose, hen, rooster, seagull, gull, flamingo, hawk, falcon, peacock, bee, bat, insect,
        stork, turkey, hummingbird, pelican, swallow, ladybug, phoenix, chick, angel""",
    "snowman": """snowman, snow man, person, man, woman, child, robot, figure, boy, girl, frosty, human, kid, baby,
        people, knight, wizard, king, queen, princess, doll, ghost, santa, santa claus, clown, pirate, warrior, alien,
        doctor, dancer, soldier, witch, scarecrow, statue, farmer, old man, portrait, face, lady, guy, character""",
    "ball": """ball, football, soccer ball, basketball, beach ball, sphere, globe, orb, circle, tennis ball,
        volleyball, round thing, marble, planet, apple, tomato, fruit, lemon, cherry, peach, egg, wheel, coin, button,
        donut, cookie, pizza, watermelon, melon, bowling ball""",
    "star": """star, pentagram, starfish, sea star, five pointed star, asterisk, comet, meteor, shooting star, badge,
        medal, sparkle, polygon, triangle, diamond, crystal, gem, arrow""",
    "heart": """heart, love heart, love, valentine, sweetheart, romance, valentines heart, kiss, symbol, lips, amour,
        bow, ribbon, hearts shape""",
    "cup": """cup, mug, coffee, tea, glass, bottle, bowl, teapot, tea cup, coffee cup, teacup, coffee mug, drink, beer,
        wine, jug, pitcher, vase, pot, bucket, beverage, goblet, chalice, kettle, espresso, cocoa, plate, spoon, soup,
        jar, cocktail, juice, milk, flask, bathtub""",
    "gift": """gift, box, present, package, chest, crate, parcel, gift box, cube, surprise, birthday present, suitcase,
        bag, square, basket, treasure chest, cake, book, barrel, block, dice, chair, bed, computer, television, clock,
        phone, camera, birthday cake, toy, wrapped box, sofa, piano, mailbox, desk""",
}
_COLOURS = {
    "red": "red, crimson, scarlet, ruby, maroon, burgundy, cherry red, vermilion, blood red, reddish, fire red, rust",
    "orange": """orange, tangerine, amber, apricot, peach colored, copper, orangish, pumpkin orange, coral, ginger,
        terracotta""",
    "yellow": "yellow, gold, golden, lemon yellow, mustard, blond, blonde, canary, yellowish, honey",
    "green": """green, emerald, lime, olive, jade, mint, dark green, light green, forest green, greenish, moss, teal,
        lime green, khaki""",
    "blue": """blue, navy, cyan, turquoise, azure, cobalt, sky blue, light blue, dark blue, navy blue, aqua, indigo,
        sapphire, bluish, royal blue, baby blue""",
    "purple": "purple, violet, magenta, lilac, lavender, plum, mauve, amethyst, aubergine, dark purple, orchid purple",
    "pink": "pink, rosy, fuchsia, salmon pink, hot pink, light pink, blush, bubblegum, rose colored, pinkish, pastel",
    "brown": """brown, chocolate, tan, beige, wooden, bronze, chestnut, hazel, caramel, sepia, brownish, coffee brown,
        wood, mahogany, leather""",
    "white": """white, ivory, silver, cream, pale, pearl, snow white, off white, silvery, bleached, whitish, colorless,
        light grey, light gray""",
    "black": """black, dark, ebony, charcoal, jet black, grey, gray, blackish, coal black, dark grey, dark gray, slate,
        obsidian, metal""",
}
_PLACES = {
    "meadow": """meadow, field, grass, lawn, pasture, park, garden, prairie, grassland, countryside, green field,
        farmland, valley, backyard, yard, plain, savanna, playground, wheat field, vineyard, flower field, outdoors,
        nature, landscape""",
    "beach": """beach, shore, sand, seaside, coast, sandy beach, seashore, tropical beach, island, coastline,
        shoreline, bay, lagoon, hawaii, caribbean, summer holiday""",
    "sea": """sea, ocean, water, waves, lake, river, harbor, harbour, pond, pool, open sea, deep sea, underwater,
        atlantic, pacific, stream, port, swimming pool, waterfall, aquarium""",
    "snow": """snow, winter, snowy field, ice, snowy landscape, winter landscape, arctic, antarctica, north pole,
        glacier, tundra, winter wonderland, snowy, frozen lake, siberia, alaska, greenland""",
    "desert": """desert, dunes, sahara, sand dunes, canyon, wasteland, mars, arizona, wild west, egypt, badlands, gobi,
        dry land, oasis, grand canyon""",
    "city": """city, street, town, skyline, urban, new york, paris, downtown, village, road, metropolis, city street,
        tokyo, london, cityscape, city skyline, avenue, big city, suburb, market, berlin, rome, square in town, alley,
        highway, parking lot, traffic""",
    "forest": """forest, woods, jungle, woodland, rainforest, rain forest, deep forest, enchanted forest, grove,
        wilderness, pine forest, orchard, thicket, swamp, fairy forest""",
    "mountains": """mountains, mountain, hills, hill, peaks, peak, alps, cliff, volcano, mountain range, himalayas,
        summit, highlands, rocky mountains, everest, ridge, mountain landscape, switzerland, rocks""",
    "studio": """white background, studio, plain background, simple background, isolated, icon, logo, product photo,
        clean background, blank background, empty background, sticker, clipart, clip art, emoji, studio background,
        indoors, room, table, kitchen, minimal background, stock image, wall, floor, living room""",
}
_TIMES = {
    "day": """day, daytime, noon, midday, afternoon, daylight, nice day, summer day, bright day, full daylight, summer,
        broad daylight""",
    "sunset": """sunset, dusk, evening, golden hour, sundown, twilight, nightfall, setting sun, orange sky, red sky,
        autumn, sunset light, evening light""",
    "night": """night, midnight, nighttime, moonlight, moon, full moon, starry night, starry sky, moonlit, darkness,
        space, outer space, galaxy, night sky, dark sky, stars in the sky, halloween, late at night""",
    "dawn": """dawn, sunrise, morning, early morning, daybreak, first light, rising sun, sunup, pink sky, morning
        light, spring, spring morning, break of dawn""",
}
_WEATHERS = {
    "clear": """clear, clear sky, sunny, cloudless, blue sky, sunshine, fair weather, bright, good weather, clear
        weather, bright sun, sunlight""",
    "cloudy": """cloudy, clouds, overcast, cloud, cloudy sky, gray sky, grey sky, windy, dull, gloomy, wind, fluffy
        clouds, gray clouds""",
    "rain": """rain, rainy, raining, storm, drizzle, shower, downpour, thunderstorm, wet, pouring rain, stormy,
        lightning, thunder, heavy rain, raindrops, hurricane, rainstorm, monsoon""",
    "snowfall": """snowfall, snowing, falling snow, snowflakes, blizzard, snowstorm, flurries, snow storm, light snow,
        hail, heavy snowfall, snow falling""",
    "fog": "fog, foggy, mist, misty, haze, hazy, smoke, smog, dense fog, thick fog, morning mist, steam",
}
_STYLES = {
    "flat": """flat, illustration, vector, cartoon, digital art, photo, realistic, 3d render, photograph, flat design,
        vector art, anime, poster, graphic, flat illustration, photorealistic, comic, children's book, minimalist,
        render, concept art, animation, digital painting, photography, cartoon style""",
    "watercolor": """watercolor, watercolour, painting, oil painting, gouache, aquarelle, watercolor painting, painted,
        impressionist, acrylic, brush strokes, van gogh, monet, wet paint, canvas, oil on canvas, pastel painting,
        watercolor style""",
    "line art": """line art, line drawing, sketch, pencil, ink, outline, coloring book, black and white drawing,
        lineart, pencil drawing, ink drawing, doodle, pen drawing, coloring page, etching, monochrome, charcoal
        drawing, engraving, black and white, hand drawn, woodcut, comic ink""",
    "pixel art": """pixel art, 8-bit, retro game, pixelated, minecraft, 16-bit, pixel, pixels, video game, sprite,
        voxel, lego, pixelart, arcade game, nes game, mosaic, game boy, blocky""",
}
_POSITIONS = {
    "left": "left, left side, left hand side, left half, left edge, far left, left corner",
    "center": "center, middle, centre, centered, centred, front and center",
    "right": "right, right side, right hand side, right half, right edge, far right, right corner",
}
_SIZES = {
    "small": """small, little, tiny, mini, miniature, distant, far away, in the distance, wee, minuscule, petite,
        short, very small""",
    "medium": "medium, medium sized, normal, average, regular, medium size, ordinary, mid sized",
    "large": """large, big, huge, giant, enormous, massive, gigantic, close up, towering, tall, oversized, very large,
        very big, closeup, fat, colossal, zoomed in""",
}
_COUNTS = {
    "1": "one, single, lone, solitary, 1, lonely, just one",
    "2": "two, pair of, couple of, 2, twin, duo of, double, two identical",
    "3": """three, 3, trio of, several, a few, group of, row of, triple, many, four, five, 4, 5, six, lots of, bunch
        of, some, a lot of, multiple, flock of, dozen""",
}

ATTRIBUTES = tuple(name for name in Scene.__struct_fields__ if name != "seed")
SAYINGS: dict[str, dict[str, tuple[str, ...]]] = {
    attribute: {value: listed(text) for value, text in values.items()}
    for attribute, values in {
        "subject": _SUBJECTS,
        "colour": _COLOURS,
        "count": _COUNTS,
        "position": _POSITIONS,
        "size": _SIZES,
        "place": _PLACES,
        "time": _TIMES,
        "weather": _WEATHERS,
        "style": _STYLES,
    }.items()
}
"""Attribute, value (a count as its digits), sayings: the plain one first."""

_IRREGULAR = {
    "cactus": ("cacti", "cactuses"),
    "fungus": ("funguses",),
    "octopus": ("octopuses", "octopi"),
    "bus": ("buses",),
    "leaf": ("leaves",),
    "wolf": ("wolves",),
    "mouse": ("mice",),
    "goose": ("geese",),
    "man": ("men",),
    "woman": ("women",),
    "snowman": ("snowmen",),
    "child": ("children",),
    "person": ("persons",),
    "box": ("boxes",),
    "dice": ("dice",),
}
_SAME = frozenset(
    listed(
        """fish, goldfish, clownfish, starfish, jellyfish, sheep, deer, salmon, tuna, trout, koi, squid, shrimp, carp,
        people, ruins, spacecraft, aircraft, fungi, lips, love, romance, amour, bamboo, santa, claus, frosty, soup,
        milk, juice, wine, beer, bonsai, shape"""
    )
)
"""Nouns that stay as they are."""


def plurals(noun: str) -> tuple[str, ...]:
    """How more than one is said: most often one way."""
    rest, _, last = noun.rpartition(" ")
    if last in _SAME:
        return (noun,)
    lead = f"{rest} " if rest else ""
    return tuple(lead + form for form in _IRREGULAR.get(last) or (_regular(last),))


def _regular(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def value_of(scene: Scene, attribute: str) -> str:
    """Of that attribute, as `SAYINGS` spells it."""
    return str(getattr(scene, attribute))
