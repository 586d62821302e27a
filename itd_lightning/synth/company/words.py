"""Word lists of the invented company: names, sites, topics. Nothing here is taken from a genuine release."""

from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    "Adeline Alwin Anneke Bastian Bettina Brenno Carina Casimir Dagny Darian Edda Elmar Elspeth Enzo "
    "Fenna Florian Greta Gunnar Hanno Heidrun Ilka Ingmar Iris Jannik Jolanda Jorin Kaja Kester Lambert "
    "Leonie Linnea Lothar Malin Marek Merle Milo Nadia Nils Odette Olaf Paula Piers Quirin Ragna Renske "
    "Rufus Sanna Sixten Svea Tamsin Theron Tilda Ulla Urban Valeska Viggo Wanda Wim Yara Zeno"
)
MIDDLE = _words(
    "Abel Agnes Arvid Beate Birk Clara Corin Dora Drew Eike Esther Falk Frida Gero Gitta Holm Ida Ivo "
    "Jette Jules Karla Kilian Lara Lorin Maud Mattis Nele Noor Orla Otis Petra Pim Rhea Rolf Selma "
    "Silas Thea Timon Uma Vera"
)
LAST = _words(
    "Ahlgren Amberfield Askew Bakkerton Birchall Blomhoff Brackwood Carrow Clayhurst Coldwell Dahlmann "
    "Dornfeld Dunmoor Eastlake Elsworth Fairholm Fenwright Garsdale Glenrow Goodsall Haldorf Harkwell "
    "Hexley Hollobeck Ibsworth Ingleton Janvier Jorvik Kelmar Kestrup Kirkmoor Langmere Lindqvar Loxwood "
    "Marlinson Merewood Mossop Nordahl Northam Oakenby Ormston Osterley Pellworm Penhallow Quayle "
    "Quistorp Ravensby Redfern Rookwood Sandvall Scarmoor Selborne Stokwell Tarnbeck Thistlewood "
    "Tolvanen Ulverton Umbreit Vandermoor Vinterby Wainscot Westerlund Whinfell Yarborn Yewdale Zellweg"
)

MAIL_HOSTS = ("mailnest", "postbrook", "inboxly", "quickquill", "lettermill", "homepost")
PARTNER_HOSTS = (
    "orvantis",
    "kelbridge",
    "metraline",
    "sundovia",
    "plexhaven",
    "tarrowgate",
    "nimbrel",
    "vostrand",
)

SITE_HEADS = _words(
    "amber brisk cedar daily ember fable glade hobby ivory jolly kettle lively maple nifty olive pixel "
    "quilt rapid silver tidy urban vivid willow zesty"
)
SITE_TAILS = _words(
    "almanac bazaar corner digest exchange forum gazette harbor index journal kiosk lounge market notes "
    "outlet portal review square tribune weekly"
)
PROJECT_TAILS = _words("beacon bridge compass falcon horizon lantern meridian orchard summit tempest")

JOB_HOSTS = _words(
    "careerlantern jobharvest hireglen worknest vacancyvale talentferry resumerow staffwharf nextdesk "
    "joblighthouse"
)
COMPETITOR_HOSTS = ("aldermark", "brontec", "corvessa", "dunlinworks", "eltraxon", "farrowdyne")
LEAK_HOST = "openspillway"
KEYLOGGER_HOSTS = (
    "keyshadow",
    "typewatcher",
    "silentkeys",
    "keystrokelab",
    "logmykeys",
    "hiddenscribe",
    "tapmirror",
)
CLOUD_HOSTS = ("cloudcupboard", "skylocker", "nimbusdrawer")
SECURITY_HOSTS = ("patchbulletin", "firewallnotes", "adminwatch", "cveroundup", "hardenhost", "packetdesk")


class Topic(NamedTuple):
    """A topic of pages, mails and files, with its words."""

    name: str
    words: tuple[str, ...]

    @property
    def plain(self) -> str:
        """Return the name in plain words, as in the answer key."""
        return self.name.replace("_", " ").lower()


def _topic(name: str, words: str) -> Topic:
    return Topic(name, _words(words))


TOPICS = (
    _topic(
        "Alpine_Lakes", "lake trail ridge summit valley glacier hut snow meadow cabin map guide path stream"
    ),
    _topic(
        "Bread_Baking", "flour yeast dough oven crust rye loaf starter proof salt recipe bake grain kitchen"
    ),
    _topic(
        "City_Cycling", "bicycle lane helmet gear chain commute wheel frame brake route ride tyre pump light"
    ),
    _topic(
        "Classic_Films",
        "director studio scene script actor reel drama comedy camera premiere role festival cast",
    ),
    _topic(
        "Garden_Design",
        "soil rose hedge border seed spade bloom pruning compost lawn shrub terrace bulb herb",
    ),
    _topic(
        "Home_Repair", "hammer paint tile plumbing drill wall sander ladder timber nail roof insulation screw"
    ),
    _topic(
        "Local_Football",
        "league goal keeper coach season match striker defence stadium ticket transfer cup fan",
    ),
    _topic(
        "Travel_Deals", "flight hotel beach booking fare island resort ferry luggage visa season tour airport"
    ),
    _topic(
        "Weather_Maps", "front pressure rainfall wind storm radar forecast humidity cloud frost gauge season"
    ),
    _topic(
        "Stock_Reports", "share dividend index bond yield market quarter earnings fund broker rally trend"
    ),
    _topic(
        "Music_Charts", "album guitar chorus single tour band studio lyrics drum melody concert vinyl record"
    ),
    _topic("Pet_Care", "puppy kitten vet collar leash feed groom kennel vaccine litter training treat breed"),
    _topic(
        "Quality_Control",
        "tolerance sample gauge defect inspection batch audit procedure standard measurement",
    ),
    _topic(
        "Project_Planning", "milestone schedule budget review deliverable resource risk status meeting scope"
    ),
    _topic(
        "Sales_Figures",
        "client order quote region quarter target pipeline contract invoice margin account lead",
    ),
    _topic(
        "Lab_Results", "assay sample reagent reading calibration series spectrum residue control yield error"
    ),
    _topic(
        "Software_Builds", "compiler branch release module test patch interface version defect review merge"
    ),
    _topic(
        "Assembly_Line", "conveyor shift station part torque fixture pallet output downtime operator safety"
    ),
    _topic(
        "Field_Service", "customer visit spare repair warranty ticket technician meter site report part route"
    ),
    _topic(
        "Staff_Notices",
        "holiday training policy benefit payroll parking canteen notice form insurance office",
    ),
)
JOBS = _topic(
    "Job_Search", "resume vacancy salary interview benefits degree apply position career skills employer"
)
LEAK = _topic(
    "Leak", "disclosure upload confidential document anonymous source memo internal leak publish archive"
)
KEYLOGGER = _topic(
    "Keylogger", "keystroke hidden capture password monitor stealth covert install record silent"
)
SECURITY = _topic(
    "Security", "patch firewall advisory antivirus policy update malware scan hardening alert password"
)
CLOUD = _topic(
    "Cloud_Storage", "folder share sync upload backup storage link account archive quota space album"
)
GRUDGE = _topic(
    "Grudge", "unfair ignored overworked resent unappreciated quit angry fault demand blame deserve"
)
CALMING = _topic("Calming", "valued schedule rest thanks talk training support patience together plan week")
ALARM = _topic(
    "Alarm", "urgent shutdown evacuate layoffs collapse immediately everyone warning disaster leave now"
)
ALL_TOPICS = (*TOPICS, JOBS, LEAK, KEYLOGGER, SECURITY, CLOUD, GRUDGE, CALMING, ALARM)
