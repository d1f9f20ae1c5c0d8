"""What suppliers call their columns, by purpose and language. A word with `?` behind it says little by itself."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, dict[str, str]]] = {
    "sku": {
        "English": "sku, vendor sku, supplier sku, item sku, product sku, variant sku, sku code, article number, article no, article nr, "
        "article code, item number, item no, item code, part number, part no, product code, product number, product no, stock code, "
        "stock number, stock no, catalog number, catalogue number, catalog no, supplier code, vendor code, supplier aid, supplier pid, "
        "item ref, reference, ref, "
        "article?, item?, code?, model?, model number?, number?",
        "German": "artikelnummer, artikelnr, artnr, art nr, artikel nr, artikel no, art no, bestellnummer, bestellnr, best nr, bestell nr, "
        "produktnummer, produktnr, artikelcode, materialnummer, sachnummer, teilenummer, lieferanten artikelnummer, artikel?, referenz?",
        "French": "référence, réf, référence article, référence produit, code article, code produit, réf article, ref produit",
        "Spanish": "referencia, código, código artículo, código de artículo, código producto, ref artículo",
        "Italian": "codice, codice articolo, cod articolo, codice prodotto, riferimento, cod art, articolo?",
        "Polish": "kod, kod produktu, kod towaru, indeks, symbol, nr katalogowy, numer katalogowy, kod katalogowy, nr artykułu",
        "Czech": "kód, kód zboží, kód produktu, katalogové číslo, číslo produktu, objednací číslo, productno",
        "Dutch": "artikelnummer, artikel nr, bestelnummer, productcode, artikelcode",
        "Danish": "varenummer, varenr, vare nr, produktnummer",
        "Swedish": "artikelnummer, artnr, produktnummer",
        "Finnish": "tuotenumero, tuotekoodi",
        "Hungarian": "cikkszám, termékkód",
        "Portuguese": "código produto, referência",
        "Romanian": "cod produs, cod articol",
        "Turkish": "stok kodu, ürün kodu",
        "Russian": "артикул, код, код товара",
        "Ukrainian": "артикул, код товару",
    },
    "externalId": {
        "English": "external id, external variant id, variant id, item id, offer id, article id, entity id, id, unique id, uid, guid, "
        "product id?",
        "German": "artikel id, produkt id?",
        "French": "identifiant, identifiant unique",
        "Polish": "identyfikator",
    },
    "barcode": {
        "English": "barcode, bar code, ean, ean 13, ean 8, eans, gtin, gtin 13, gtin 14, upc, upc code, ean code, ean no, isbn, jan",
        "German": "strichcode, ean nummer, ean nr, eancode, barcode ean",
        "French": "code barre, code barres, code à barres, gencod",
        "Spanish": "código de barras, código barras",
        "Italian": "codice a barre, codice ean, barcode",
        "Polish": "kod ean, kod kreskowy",
        "Czech": "čárový kód, ean kód",
        "Dutch": "streepjescode, ean code",
        "Danish": "stregkode",
        "Swedish": "streckkod",
        "Finnish": "viivakoodi",
        "Hungarian": "vonalkód",
        "Russian": "штрихкод, штрих код",
    },
    "inventoryQuantity": {
        "English": "stock, stock quantity, stock qty, stock level, stock on hand, stock count, stock amount, qty, quantity, inventory, "
        "inventory quantity, inventory qty, inventory level, on hand, qty on hand, quantity on hand, available quantity, available qty, "
        "available stock, quantity available, qty available, free stock, current stock, units available, units in stock, "
        "in stock quantity, in stock qty, variant inventory qty, stocklevel, soh, available?, availability?, in stock?, balance?, "
        "count?, pcs?",
        "German": "bestand, lagerbestand, lager, lagermenge, lagerstand, bestandsmenge, verfügbare menge, verfügbarer bestand, menge, "
        "verfügbarer lagerbestand, vorrat, anzahl?, stückzahl?, stück?, stk?, verfügbar?",
        "French": "stock, quantité, quantité en stock, qté, qté stock, stock disponible, quantité disponible, qté disponible",
        "Spanish": "existencias, cantidad, stock disponible, inventario, unidades disponibles, cantidad disponible, unidades?",
        "Italian": "giacenza, quantità, scorte, qtà, quantità disponibile, disponibilità?, esistenza?, giacenze",
        "Polish": "stan, stan magazynowy, stany magazynowe, stan mag, ilość, ilość na stanie, dostępna ilość, ilość dostępna, na stanie, "
        "szt, magazyn?, sztuk?",
        "Czech": "množství, stav skladu, zásoba, počet kusů, skladové množství, na skladě, sklad, skladem?, kusů?, počet?, stock amount",
        "Dutch": "voorraad, voorraadaantal, voorraadniveau, aantal, beschikbare voorraad, vrije voorraad",
        "Danish": "lager, lagerbeholdning, beholdning, lagerantal, antal",
        "Norwegian": "lagerbeholdning, antall",
        "Swedish": "lagersaldo, saldo, lagerantal, antal, i lager?",
        "Finnish": "varastosaldo, saldo, varasto",
        "Hungarian": "készlet, raktárkészlet, mennyiség",
        "Portuguese": "estoque, quantidade",
        "Romanian": "stoc, cantitate",
        "Turkish": "stok, stok adedi, stok miktar\u0131, adet, miktar",
        "Russian": "остаток, остатки, количество, кол во, в наличии?, наличие?, склад?",
        "Ukrainian": "залишок, залишки, кількість, наявність?",
    },
    "inventoryQuantityBoolean": {
        "English": "in stock, is in stock, instock, available, availability, stock status, is available, avail",
        "German": "verfügbar, verfügbarkeit, lieferbar, auf lager, lagerstatus",
        "French": "disponible, disponibilité, en stock",
        "Spanish": "disponible, disponibilidad, en stock",
        "Italian": "disponibile, disponibilità",
        "Polish": "dostępny, dostępność",
        "Czech": "dostupnost, skladem, na skladě",
        "Dutch": "beschikbaar, beschikbaarheid, op voorraad",
        "Danish": "på lager",
        "Swedish": "i lager, tillgänglighet",
        "Russian": "наличие, в наличии, доступность",
        "Ukrainian": "наявність, в наявності",
    },
    "retailPrice": {
        "English": "price, retail price, selling price, unit price, gross price, price gross, price incl vat, price inc vat, price vat, "
        "variant price, regular price, consumer price, shop price",
        "German": "preis, verkaufspreis, vk, vk preis, bruttopreis, preis brutto, vk brutto, einzelpreis, endpreis, ladenpreis",
        "French": "prix, prix ttc, prix de vente, prix vente, prix public, tarif?",
        "Spanish": "precio, precio venta, precio de venta, pvp",
        "Italian": "prezzo, prezzo vendita, prezzo di vendita, prezzo al pubblico",
        "Polish": "cena, cena brutto, cena detaliczna, cena sprzedaży",
        "Czech": "cena, cena s dph, prodejní cena, maloobchodní cena, moc",
        "Dutch": "prijs, verkoopprijs, prijs incl btw",
        "Danish": "pris, salgspris",
        "Swedish": "pris, försäljningspris",
        "Finnish": "hinta",
        "Hungarian": "ár, eladási ár, bruttó ár",
        "Portuguese": "preço, preço venda",
        "Romanian": "preț, pret",
        "Turkish": "fiyat, sat\u0131ş fiyat\u0131",
        "Russian": "цена, розничная цена, розница",
        "Ukrainian": "ціна, роздрібна ціна",
    },
    "costPrice": {
        "English": "cost, cost price, unit cost, net price, price net, wholesale, wholesale price, purchase price, buying price, "
        "dealer price, trade price, your price, my price, cost per item, reseller price",
        "German": "ek, ek preis, einkaufspreis, händlerpreis, nettopreis, preis netto, ek netto, hek, haendlerpreis",
        "French": "prix achat, prix d achat, prix ht, prix net",
        "Spanish": "precio coste, coste, precio compra, precio de compra, precio neto",
        "Italian": "prezzo acquisto, prezzo di acquisto, costo, prezzo netto",
        "Polish": "cena zakupu, cena hurtowa, cena netto",
        "Czech": "nákupní cena, velkoobchodní cena, cena bez dph",
        "Dutch": "inkoopprijs, nettoprijs",
        "Danish": "indkøbspris, kostpris",
        "Swedish": "inköpspris",
        "Russian": "закупочная цена, оптовая цена, закупка, опт",
        "Ukrainian": "закупівельна ціна, оптова ціна",
    },
    "compareAtPrice": {
        "English": "compare at price, variant compare at price, rrp, msrp, srp, list price, old price, original price, was price, "
        "recommended retail price, strike price",
        "German": "uvp, unverbindliche preisempfehlung, streichpreis, listenpreis, empfohlener verkaufspreis",
        "French": "prix conseillé, prix barré, ppc",
        "Spanish": "pvpr, precio recomendado, precio anterior",
        "Italian": "prezzo listino, prezzo di listino, prezzo consigliato",
        "Polish": "cena katalogowa, cena sugerowana, stara cena",
        "Czech": "doporučená cena, původní cena",
        "Dutch": "adviesprijs, van prijs",
        "Danish": "vejledende pris",
        "Swedish": "rek pris, ordinarie pris",
        "Russian": "старая цена, рекомендованная цена, ррц",
        "Ukrainian": "стара ціна",
    },
    "name": {
        "English": "name, product name, item name, title, product title, item title, product?, short description?, description?",
        "German": "bezeichnung, artikelbezeichnung, artikelname, produktname, produktbezeichnung, titel, kurztext?, produkt?",
        "French": "nom, nom produit, nom du produit, désignation, libellé, intitulé, titre",
        "Spanish": "nombre, nombre producto, título, denominación",
        "Italian": "nome, nome prodotto, titolo, denominazione",
        "Polish": "nazwa, nazwa produktu, nazwa towaru, tytuł",
        "Czech": "název, název produktu, jméno, název zboží",
        "Dutch": "naam, productnaam, titel, omschrijving?",
        "Danish": "navn, produktnavn, varenavn, varetekst",
        "Swedish": "namn, produktnamn, benämning",
        "Finnish": "nimi, tuotenimi",
        "Hungarian": "megnevezés, terméknév, név",
        "Portuguese": "nome produto",
        "Romanian": "denumire, nume",
        "Turkish": "ürün ad\u0131",
        "Russian": "название, наименование, номенклатура",
        "Ukrainian": "назва, найменування",
    },
    "description": {
        "English": "description, long description, product description, product desc, body html, body, desc, full description",
        "German": "beschreibung, langtext, artikelbeschreibung, produktbeschreibung, langbeschreibung",
        "French": "descriptif, description longue",
        "Spanish": "descripción",
        "Italian": "descrizione",
        "Polish": "opis, opis produktu",
        "Czech": "popis, popis produktu",
        "Dutch": "beschrijving, omschrijving",
        "Danish": "beskrivelse",
        "Swedish": "beskrivning",
        "Finnish": "kuvaus",
        "Hungarian": "leírás",
        "Russian": "описание",
        "Ukrainian": "опис",
    },
    "vendorName": {
        "English": "brand, brand name, manufacturer, manufacturer name, vendor, vendor name, producer, maker",
        "German": "marke, hersteller, markenname, herstellername",
        "French": "marque, fabricant",
        "Spanish": "marca, fabricante",
        "Italian": "marca, produttore",
        "Polish": "producent, marka",
        "Czech": "výrobce, značka",
        "Dutch": "merk, fabrikant",
        "Danish": "mærke, producent, varemærke",
        "Swedish": "tillverkare, varumärke, märke",
        "Finnish": "valmistaja, merkki",
        "Hungarian": "gyártó, márka",
        "Russian": "бренд, производитель, марка",
        "Ukrainian": "виробник, бренд",
    },
    "productType": {
        "English": "category, categories, category path, category name, product category, product type, categorytext, cat, type?",
        "German": "kategorie, kategorien, warengruppe, produktgruppe, artikelgruppe, produktkategorie, produktart",
        "French": "catégorie, famille, rayon",
        "Spanish": "categoría, familia",
        "Italian": "categoria, reparto, gruppo merceologico",
        "Polish": "kategoria, grupa towarowa, grupa?",
        "Czech": "kategorie, skupina?",
        "Dutch": "categorie, productgroep",
        "Danish": "kategori, varegruppe",
        "Swedish": "kategori, varugrupp",
        "Russian": "категория, раздел",
        "Ukrainian": "категорія",
    },
    "externalGroupId": {
        "English": "item group id, external group id, group id, itemgroup id, parent id, parent sku, parent, style number, style code, "
        "style no, style, master sku, configurable sku, model id, group?, product id?",
        "German": "vaterartikel, variantengruppe, hauptartikel, hauptartikelnummer",
        "Polish": "grupa wariantów",
    },
    "mpn": {
        "English": "mpn, manufacturer part number, manufacturer number, manufacturer sku, manufacturer code, mfr part no, "
        "mfr part number, mfg part number, manufacturer part no, oem, oem number",
        "German": "herstellernummer, hersteller nr, herstellernr, hersteller artikelnummer, herstellerartikelnummer, "
        "hersteller artikelnr, hersteller teilenummer, han",
        "French": "référence fabricant, réf fabricant",
        "Spanish": "referencia fabricante",
        "Polish": "kod producenta, numer producenta, symbol producenta",
        "Czech": "kód výrobce, číslo výrobce",
    },
    "images": {
        "English": "image, images, image url, image urls, image link, image src, picture, pictures, picture url, photo, photos, img, "
        "imgurl, img url, main image, image 1, imageurl, imageurls",
        "German": "bild, bilder, bild url, bildurl, produktbild, foto, bildlink",
        "French": "image principale, url image, visuel",
        "Spanish": "imagen, imágenes, foto",
        "Italian": "immagine, immagini",
        "Polish": "zdjęcie, zdjęcia, obraz",
        "Czech": "obrázek, obrázky, foto",
        "Dutch": "afbeelding, afbeeldingen",
        "Danish": "billede, billeder",
        "Swedish": "bilder",
        "Russian": "картинка, фото, изображение",
        "Ukrainian": "зображення, фото",
    },
    "weight": {
        "English": "weight, item weight, product weight, gross weight, net weight, grams, variant grams, weight grams",
        "German": "gewicht, bruttogewicht, nettogewicht, artikelgewicht",
        "French": "poids",
        "Spanish": "peso",
        "Italian": "peso, peso lordo",
        "Polish": "waga, masa",
        "Czech": "hmotnost, váha",
        "Dutch": "gewicht",
        "Danish": "vægt",
        "Swedish": "vikt",
        "Finnish": "paino",
        "Hungarian": "súly, tömeg",
        "Russian": "вес",
        "Ukrainian": "вага",
    },
    "option:Color": {
        "English": "color, colour",
        "German": "farbe",
        "French": "couleur, coloris",
        "Italian": "colore",
        "Polish": "kolor",
        "Czech": "barva",
        "Dutch": "kleur",
        "Danish": "farve",
        "Swedish": "färg",
        "Russian": "цвет",
        "Ukrainian": "колір",
    },
    "option:Size": {
        "English": "size",
        "German": "größe",
        "French": "taille, pointure",
        "Spanish": "talla, tamaño",
        "Italian": "taglia",
        "Polish": "rozmiar",
        "Czech": "velikost",
        "Dutch": "maat",
        "Danish": "størrelse",
        "Swedish": "storlek",
        "Russian": "размер",
        "Ukrainian": "розмір",
    },
    "tags": {"English": "tags, keywords", "German": "schlagworte, stichworte", "French": "mots clés", "Polish": "słowa kluczowe"},
    "currency": {
        "English": "currency, currency code, currency id",
        "German": "währung, waehrung",
        "French": "devise",
        "Spanish": "moneda, divisa",
        "Italian": "valuta",
        "Polish": "waluta",
        "Czech": "měna",
        "Russian": "валюта",
    },
}
"""Purposes as mapping rows have them; an option is given with its name, and `currency` is the column that names it."""

AMOUNTS: Final = (
    "qty, quantity, menge, anzahl, lager, quantité, qté, cantidad, quantità, qtà, ilość, szt, magazyn, množství, sklad, aantal, antal, "
    "antall, varasto, mennyiség, quantidade, cantitate, adet, miktar, количество, кол во, кількість, склад"
)
"""Words for stock that are also used for what a pack holds, or for the number of a warehouse: their values have to confirm them."""

NOT_STOCK: Final = (
    "min, mind, mindest*, minimum, minimal*, minim*, max, maximum, low, reorder, order, ordered, orders, moq, bestell*, "
    "meldebestand, commande, pedido, pack, packs, pack*, verpackung*, vpe, ve, box, boxes, carton, karton*, pallet, palette, unit, "
    "einheit*, per, pro, step, multiple, delivery, liefer*, lead, leadtime, day, days, tag, tage, jour, jours, dia, dias, dni, "
    "dagen, week, weeks, woche*, year, jahr, annee, rok, date, datum, data, time, zeit, reserved, reserv*, allocated, incoming, "
    "inbound, expected, zulauf, unterwegs, transit, backorder*, sold, verkauft, sprzedan*, value, wert, price, preis*, cost, "
    "policy, tracker, message, text, note, warning, alert, threshold, limit, number, no, nr, nummer, code, id, location, lagerort, "
    "lagerplatz, platz, ort, name, return, returns, retoure*, retour*, reklamation*, complaint*, defekt*, defect*, damaged, "
    "beschadigt, gesperrt, blocked, quarantine, weight, jednostka, jm, opakowani*, zamowieni*, objednavk*, baleni*, minimaln*, "
    "type, typ, variant*, attribute*, demand, bedarf, open, future, kunftig*, next, nachste*, url, image, tax, vat, dimension*, "
    "length, width, height, size, volume, rating, review*, download*, mini, maxi, maks, maksym*, maksim*, maximal*, safety, sicherheit*, "
    "securite, seguridad, sicurezza, critical, target, ideal, optimal*, status, state, statut, stato, estado, "
    "мин*, макс*, заказ*, упаков*, резерв*, ожида*, единица, замов*"
)
"""A header with one of these is not the stock that can be sold, whatever else it says; `*` stands for any rest of a word."""

NOT_KEY: Final = (
    "feature*, system, group, gruppe, customer, buyer, order, tax*, parent, image*, category, categories, kategorie*, attribute*, name, "
    "type, brand, currency, shop, store, country, delivery, shipping, desc*, qual, url, link, set, warehouse, whse, lager, class*"
)
"""A header with one of these identifies something else than the item, unless the word for a key has it in itself."""

NOT_PRICE: Final = (
    "base, basis, grund*, shipping, versand*, delivery, liefer*, dostaw*, dopravn*, group, staffel*, currency, code, tax, mwst, "
    "rate, date, datum, type, qty, quantity, valid, discount, rabatt*, rabat, deposit, pfand, eco, start*, end*, from, until, per, "
    "unitmeasure, measure, payment*, fee, flag, id, factor, min, minimum, sale, special, promo*, aktion*, tier, level, list"
)
"""A header with one of these is no price of one piece to everybody; the words that name a purpose whole come first."""

NOT_NAME: Final = (
    "brand, category, categories, manufacturer, file, vendor, option*, attribute*, shop, company, supplier, store, customer, user, "
    "image, alt, url, seo, meta, hersteller*, marke*, kategorie*, lieferant*, download*, country, shipping, currency, param, unit, "
    "button, class, value, group"
)

WAREHOUSE: Final = (
    "warehouse, whse, wh, lager, location, locations, store, stores, depot, branch, filiale*, site, magazyn, magazyny, sklad, "
    "entrepot, almacen, magazzino, magazijn, stock, stocks, inventory, stocklevels, склад*, inventories, availability"
)
"""Names of what holds a stock for each of several places."""
