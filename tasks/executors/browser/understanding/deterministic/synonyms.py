"""Words that mean the same on the controls of pages, in English and German."""

from __future__ import annotations

#: Words that mean the same on buttons and fields. The first of each line stands for all.
SYNONYMS = """
login signin logon anmelden einloggen anmeldung
signup register registration enrol enroll registrieren registrierung
logout signout logoff abmelden ausloggen
cart basket bag warenkorb einkaufswagen
next forward weiter nachste nachster
previous prev back zuruck vorherige
search find finder srch query lookfor lookup magnifier magnify suche suchen
close dismiss x schliessen schliesse schließen schließe
menu hamburger navicon
delete remove trash bin erase discard loschen losche entfernen entferne
submit send absenden abschicken senden sende
save store speichern speichere sichern
settings preferences options config configuration gear cog einstellungen
profile account avatar profil konto
email mail mailadresse
phone telephone mobile tel cell phonenumber telefon telefonnummer handy mobilnummer
zip postcode postal zipcode plz
firstname forename givenname vorname
lastname surname familyname nachname familienname
password passphrase passcode pwd passwort kennwort
quantity qty menge anzahl
accept agree allow consent akzeptieren akzeptiere zustimmen
edit modify change pencil bearbeiten bearbeite
download export herunterladen
upload attach hochladen
buy purchase kaufen kaufe
checkout kasse
price cost preis
image picture photo img
category department kategorie
company organization organisation employer business firma unternehmen
city town ort stadt
state province region county bundesland
birthday birthdate dob geburtsdatum
message comment note comments nachricht notiz
help support faq hilfe
home homepage startseite
expand more
collapse less
add plussign create new hinzufugen neu
reply respond answer antworten
share teilen
favourite favorite heart wishlist favoriten merkliste
username userid benutzername
apply anwenden ubernehmen
confirm bestatigen bestatige
color colour farbe
license licence
center centre
gray grey
terms tos
ok okay
bell notification alert
number no num nr nummer
cancel abbrechen stornieren
open offnen offne
street strasse straße
maximum max
minimum min
load show view see display anzeigen ansehen zeigen zeige
address adresse
country land
contact kontakt
filter filtern
sort sortieren
book buchen buche
order bestellen bestelle
pay bezahlen zahlen
yes ja
print drucken
privacy datenschutz
imprint impressum
language sprache
info information
write compose verfassen schreiben
call ring dial anrufen
specification spec
older earlier fruhere altere
newer later spatere neuere
job vacancy position opening career stelle stellenangebot karriere
spam junk
french francais franzosisch
german deutsch
english englisch
spanish espanol spanisch
italian italiano italienisch
start begin beginning
end finish
refresh reload aktualisieren
copy duplicate clone kopieren duplizieren
enlarge zoom
guest visitor
appointment termin
invoice bill rechnung
receipt quittung beleg
customer client kunde
staff employee mitarbeiter
schedule timetable
discount voucher coupon promo gutschein
delivery shipping lieferung versand
guide manual handbook
subject betreff
reject decline deny refuse ablehnen
approve genehmigen
enable activate aktivieren
disable deactivate deaktivieren
hide ausblenden verbergen
invite einladen
assign zuweisen
manage verwalten
subscribe abonnieren
website webseite
reset clear zurucksetzen
amount sum summe betrag
duration length dauer
reason grund
currency wahrung
size grosse
weight gewicht
gender sex geschlecht
salutation anrede
insurance versicherung
doctor physician arzt
flight flug
room zimmer
departure abfahrt abflug
arrival ankunft
passenger traveller traveler reisende
map landkarte
direction route anfahrt
play abspielen
another extra additional further zusatzlich
volume lautstarke
caption subtitle untertitel
all everything everyone
person people
film movie
date datum
time uhrzeit
"""

#: Several words that are one, and what that one is.
PHRASES = {
    "one more": "another",
    "an other": "another",
    "full screen": "fullscreen",
    "frequently asked questions": "faq",
    "in den warenkorb": "add cart",
    "in den einkaufswagen": "add cart",
    "log in": "login",
    "sign in": "signin",
    "log on": "logon",
    "sign up": "signup",
    "log out": "logout",
    "sign out": "signout",
    "log off": "logoff",
    "sign off": "logoff",
    "e mail": "email",
    "first name": "firstname",
    "given name": "givenname",
    "last name": "lastname",
    "family name": "familyname",
    "post code": "postcode",
    "zip code": "zipcode",
    "postal code": "zipcode",
    "phone number": "phonenumber",
    "telephone number": "phonenumber",
    "mobile number": "phonenumber",
    "email address": "email",
    "user name": "username",
    "pass word": "password",
    "check out": "checkout",
    "look up": "lookup",
    "looking for": "lookfor",
    "look for": "lookfor",
    "date of birth": "dob",
    "birth date": "birthdate",
    "home page": "homepage",
    "shopping cart": "cart",
    "shopping bag": "bag",
    "shopping basket": "basket",
    "wish list": "wishlist",
    "e mail adresse": "email",
    "email adresse": "email",
}
