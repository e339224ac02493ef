"""The templates: sizes, looks and uses of pictures for the places they are published at. Data only."""

from __future__ import annotations

from msgspec import Struct

PLATFORMS = (
    *("instagram", "facebook", "twitter", "linkedin", "youtube"),
    *("pinterest", "tiktok", "blog", "email", "website"),
)
CATEGORIES = ("social_media", "blog_content", "ad_creative", "product", "brand_assets", "email_marketing")


class Ratio(Struct, frozen=True):
    """A shape: as it is spelt, in pixels, by its name."""

    ratio: str
    width: int
    height: int
    label: str


class Template(Struct, frozen=True, kw_only=True):
    """A template, its members in the order they are told in."""

    id: str
    name: str
    category: str
    platform: str
    aspect_ratio: Ratio
    description: str
    recommended_provider: str = "ideogram"
    style_preset: str
    quality: str
    use_cases: tuple[str, ...]


SQUARE = Ratio("1:1", 1080, 1080, "Square")
PORTRAIT = Ratio("4:5", 1080, 1350, "Portrait")
STORY = Ratio("9:16", 1080, 1920, "Story/Reel")
LANDSCAPE = Ratio("16:9", 1920, 1080, "Landscape")
ULTRA_WIDE = Ratio("21:9", 2560, 1080, "Ultra Wide")
PIN = Ratio("2:3", 1000, 1500, "Pinterest Pin")
FACEBOOK_FEED = Ratio("1.91:1", 1200, 630, "Facebook Feed")
FACEBOOK_COVER = Ratio("16:9", 820, 312, "Facebook Cover")
TWITTER_CARD = Ratio("2:1", 1200, 600, "Twitter Card")
TWITTER_HEADER = Ratio("3:1", 1500, 500, "Twitter Header")
LINKEDIN_FEED = Ratio("1.91:1", 1200, 628, "LinkedIn Feed")
LINKEDIN_ARTICLE = Ratio("2:1", 1200, 627, "LinkedIn Article")
LINKEDIN_COVER = Ratio("4:1", 1128, 191, "LinkedIn Cover")
YOUTUBE_THUMBNAIL = Ratio("16:9", 1280, 720, "YouTube Thumbnail")

Row = tuple[str, str, Ratio, str, str, str, tuple[str, ...]]
"""Id, name, shape, style, quality, description, uses."""
PHOTO, ART, FILM = "photographic", "digital-art", "cinematic"
STANDARD, PREMIUM = "standard", "premium"

ROWS: dict[str, tuple[Row, ...]] = {
    "instagram": (
        (
            *("instagram_feed_square", "Instagram Feed Post (Square)", SQUARE, PHOTO, PREMIUM),
            "The square that Instagram crops feed posts to: perfect for maximum visibility of one picture.",
            ("Product showcase", "Lifestyle posts", "Brand content"),
        ),
        (
            *("instagram_feed_portrait", "Instagram Feed Post (Portrait)", PORTRAIT, PHOTO, PREMIUM),
            "A vertical format that takes the maximum of room the feed gives it on a phone.",
            ("Fashion", "Food", "Product photography"),
        ),
        (
            *("instagram_story", "Instagram Story", STORY, ART, STANDARD),
            "Full-screen and vertical, for stories that are gone after a day.",
            ("Behind-the-scenes", "Announcements", "Quick updates"),
        ),
        (
            *("instagram_reel_cover", "Instagram Reel Cover", STORY, FILM, PREMIUM),
            "Eye-catching cover images that stand for a reel before it plays.",
            ("Video covers", "Thumbnails", "Highlights"),
        ),
    ),
    "facebook": (
        (
            *("facebook_feed", "Facebook Feed Post", FACEBOOK_FEED, PHOTO, STANDARD),
            "Wide, and optimized for how the Facebook news feed shows pictures.",
            ("Page posts", "Shared content", "Community posts"),
        ),
        (
            *("facebook_feed_square", "Facebook Feed Post (Square)", SQUARE, PHOTO, STANDARD),
            "A square format for feed posts that are mostly seen on phones.",
            ("Page posts", "Product highlights"),
        ),
        (
            *("facebook_story", "Facebook Story", STORY, ART, STANDARD),
            "Vertical and full-screen, for stories above the feed.",
            ("Quick updates", "Promotions", "Events"),
        ),
        (
            *("facebook_cover", "Facebook Cover Photo", FACEBOOK_COVER, PHOTO, PREMIUM),
            "The wide cover photo across the top of pages.",
            ("Page branding", "Events", "Seasonal updates"),
        ),
    ),
    "twitter": (
        (
            *("twitter_post", "Twitter/X Post", LANDSCAPE, PHOTO, STANDARD),
            "Landscape, optimized for pictures in the Twitter feed.",
            ("Tweets", "News", "Updates"),
        ),
        (
            *("twitter_card", "Twitter Card", TWITTER_CARD, ART, STANDARD),
            "The preview that Twitter draws under a link, as a large card.",
            ("Link sharing", "Articles", "Blog posts"),
        ),
        (
            *("twitter_header", "Twitter Header", TWITTER_HEADER, PHOTO, PREMIUM),
            "The header image behind a profile, three times as wide as it is high.",
            ("Profile branding", "Personal brand", "Business identity"),
        ),
    ),
    "linkedin": (
        (
            *("linkedin_post", "LinkedIn Post", LINKEDIN_FEED, PHOTO, PREMIUM),
            "For posts in a professional feed, at the width it shows without cropping.",
            ("Professional content", "Industry news", "Thought leadership"),
        ),
        (
            *("linkedin_post_square", "LinkedIn Post (Square)", SQUARE, PHOTO, PREMIUM),
            "A square format that stands taller in the LinkedIn feed.",
            ("Quick tips", "Infographics", "Quotes"),
        ),
        (
            *("linkedin_article", "LinkedIn Article Header", LINKEDIN_ARTICLE, PHOTO, PREMIUM),
            "Header images over an article.",
            ("Long-form content", "Articles", "Newsletters"),
        ),
        (
            *("linkedin_cover", "LinkedIn Company Cover", LINKEDIN_COVER, PHOTO, PREMIUM),
            "The very flat cover photo of a company page.",
            ("Company branding", "Recruitment", "Brand identity"),
        ),
    ),
    "youtube": (
        (
            *("youtube_thumbnail", "YouTube Thumbnail", YOUTUBE_THUMBNAIL, FILM, PREMIUM),
            "Eye-catching thumbnails that a video is chosen by.",
            ("Video thumbnails", "Channel branding", "Playlists"),
        ),
        (
            *("youtube_channel_art", "YouTube Channel Art", LANDSCAPE, PHOTO, PREMIUM),
            "Art for the banner over a channel.",
            ("Channel branding", "Personal brand", "Business identity"),
        ),
    ),
    "pinterest": (
        (
            *("pinterest_pin", "Pinterest Pin", PIN, PHOTO, PREMIUM),
            "The vertical format in which a pin is shown whole.",
            ("Product pins", "DIY guides", "Recipes", "Inspiration"),
        ),
        (
            *("pinterest_story", "Pinterest Story Pin", STORY, ART, STANDARD),
            "Full-screen pages of story pins.",
            ("Step-by-step guides", "Tutorials", "Quick tips"),
        ),
    ),
    "tiktok": (
        (
            *("tiktok_video_cover", "TikTok Video Cover", STORY, FILM, PREMIUM),
            "The vertical cover that a video shows on its profile.",
            ("Video covers", "Thumbnails", "Profile highlights"),
        ),
    ),
    "blog": (
        (
            *("blog_header", "Blog Header", LANDSCAPE, PHOTO, PREMIUM),
            "The featured image of a blog post.",
            ("Featured images", "Article headers", "Post thumbnails"),
        ),
        (
            *("blog_header_wide", "Blog Header (Wide)", ULTRA_WIDE, PHOTO, PREMIUM),
            "An ultra-wide header for a blog that spans the whole window.",
            ("Hero sections", "Wide headers", "Landing pages"),
        ),
    ),
    "email": (
        (
            *("email_banner", "Email Banner", LANDSCAPE, PHOTO, STANDARD),
            "A header banner that opens an email.",
            ("Email headers", "Newsletter banners", "Promotions"),
        ),
        (
            *("email_product", "Email Product Image", SQUARE, PHOTO, PREMIUM),
            "A square showcase of one product in emails.",
            ("Product highlights", "Promotions", "Offers"),
        ),
    ),
    "website": (
        (
            *("website_hero", "Website Hero Image", ULTRA_WIDE, PHOTO, PREMIUM),
            "The background of a hero section, with room for words.",
            ("Hero sections", "Landing pages", "Home page banners"),
        ),
        (
            *("website_banner", "Website Banner", LANDSCAPE, PHOTO, PREMIUM),
            "Banners between one section of a page and the next.",
            ("Section headers", "Category pages", "Feature sections"),
        ),
    ),
}
OF_PLATFORM = {"blog": "blog_content", "email": "email_marketing", "website": "brand_assets"}
"""The category of a platform's templates, where it is not social media."""

TEMPLATES: dict[str, Template] = {
    row[0]: Template(
        id=row[0],
        name=row[1],
        category=OF_PLATFORM.get(platform, "social_media"),
        platform=platform,
        aspect_ratio=row[2],
        description=row[5],
        style_preset=row[3],
        quality=row[4],
        use_cases=row[6],
    )
    for platform, rows in ROWS.items()
    for row in rows
}
"""By id, in the order they are told in."""
