CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0010');
CREATE TABLE alerts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	feed_id INTEGER, 
	run_id INTEGER, 
	message TEXT NOT NULL, 
	count INTEGER DEFAULT '1' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	next_attempt_at INTEGER, 
	error TEXT, 
	sent_at INTEGER, 
	resolved_at INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	delivered TEXT DEFAULT '[]' NOT NULL, 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE api_tokens (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	hint TEXT NOT NULL, 
	last_used_at INTEGER, 
	revoked_at INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	CONSTRAINT uq_api_tokens_digest UNIQUE (digest)
);
CREATE TABLE batch_later_fields (
	feed_id INTEGER NOT NULL, 
	external_id TEXT NOT NULL, 
	field TEXT NOT NULL, 
	batch_id INTEGER NOT NULL, 
	placed BOOLEAN NOT NULL, 
	PRIMARY KEY (feed_id, external_id, field), 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE batch_results (
	batch_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	item_id INTEGER, 
	external_id TEXT, 
	problem TEXT, 
	PRIMARY KEY (batch_id, seq), 
	FOREIGN KEY(batch_id) REFERENCES batches (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE batches (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	feed_id INTEGER NOT NULL, 
	origin TEXT NOT NULL, 
	status TEXT NOT NULL, 
	body BLOB, 
	bytes INTEGER NOT NULL, 
	items INTEGER, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	available_at INTEGER NOT NULL, 
	problem TEXT, 
	finished_at INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE catalogue_state (
	id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE data_import_events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run_id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	status TEXT NOT NULL, 
	at INTEGER NOT NULL
);
CREATE TABLE data_import_rejects (
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	record INTEGER NOT NULL, 
	line INTEGER NOT NULL, 
	"column" TEXT, 
	value TEXT, 
	reason TEXT NOT NULL, 
	raw TEXT NOT NULL, 
	fate TEXT NOT NULL, 
	PRIMARY KEY (run_id, seq), 
	FOREIGN KEY(run_id) REFERENCES data_imports (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE data_imports (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	feed_id INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	source TEXT, 
	started_at INTEGER NOT NULL, 
	finished_at INTEGER, 
	read INTEGER DEFAULT '0' NOT NULL, 
	created INTEGER DEFAULT '0' NOT NULL, 
	updated INTEGER DEFAULT '0' NOT NULL, 
	unchanged INTEGER DEFAULT '0' NOT NULL, 
	duplicate INTEGER DEFAULT '0' NOT NULL, 
	skipped INTEGER DEFAULT '0' NOT NULL, 
	rejected INTEGER DEFAULT '0' NOT NULL, 
	removed INTEGER DEFAULT '0' NOT NULL, 
	limited INTEGER DEFAULT '0' NOT NULL, 
	bytes INTEGER DEFAULT '0' NOT NULL, 
	seconds FLOAT DEFAULT '0' NOT NULL, 
	stages TEXT DEFAULT '{}' NOT NULL, 
	dialect TEXT DEFAULT '{}' NOT NULL, 
	problems TEXT DEFAULT '[]' NOT NULL, asked_at INTEGER, kind TEXT DEFAULT 'sync' NOT NULL, "plan" TEXT, figures TEXT, decided_at INTEGER, comment TEXT, undoes INTEGER, cursor INTEGER, change_mark INTEGER, checkpoint_before TEXT, enqueued_at INTEGER, requested TEXT, screened INTEGER DEFAULT '0' NOT NULL, 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE dropship_providers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	external_id TEXT, 
	status TEXT DEFAULT 'accepted' NOT NULL, 
	website_url TEXT, 
	timezone TEXT, 
	admin_notes TEXT, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL
);
CREATE TABLE idempotency_keys (
	feed_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	status INTEGER NOT NULL, 
	answer BLOB NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (feed_id, "key"), 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE inventory_feed_connecting (
	inventory_feed_id INTEGER NOT NULL, 
	catalogue_version INTEGER NOT NULL, 
	settings TEXT NOT NULL, 
	change_mark INTEGER NOT NULL, 
	item_mark INTEGER NOT NULL, 
	PRIMARY KEY (inventory_feed_id)
);
CREATE TABLE inventory_feed_fields (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	feed_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	name TEXT, 
	purpose TEXT, 
	enabled BOOLEAN NOT NULL, 
	settings TEXT NOT NULL, created_at INTEGER DEFAULT '0' NOT NULL, updated_at INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT uq_inventory_feed_fields_position UNIQUE (feed_id, position), 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE inventory_feed_mapping_versions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	feed_id INTEGER NOT NULL, 
	at INTEGER NOT NULL, 
	author_kind TEXT NOT NULL, 
	author TEXT, 
	mapping TEXT NOT NULL, 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE inventory_feed_rows (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	feed_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	settings TEXT NOT NULL, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	CONSTRAINT uq_inventory_feed_rows_position UNIQUE (feed_id, kind, position), 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE inventory_feed_screen_parts (
	feed_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	part INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (feed_id, name, part), 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE inventory_feed_screens (
	feed_id INTEGER NOT NULL, 
	mark TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	pattern BLOB NOT NULL, 
	PRIMARY KEY (feed_id), 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE inventory_feed_stage (
	run_id INTEGER NOT NULL, 
	external_id TEXT NOT NULL, 
	item_id INTEGER, 
	content_hash INTEGER NOT NULL, 
	layout INTEGER NOT NULL, 
	external_group_id TEXT, 
	vendor_sku TEXT, 
	original_sku TEXT, 
	barcode TEXT, 
	mpn TEXT, 
	name TEXT, 
	handle TEXT, 
	description TEXT, 
	product_type TEXT, 
	vendor_name TEXT, 
	images TEXT, 
	options TEXT, 
	tags TEXT, 
	meta_fields TEXT, 
	inventory_quantity NUMERIC, 
	locations TEXT, 
	retail_price INTEGER, 
	compare_at_price INTEGER, 
	cost_price INTEGER, 
	grams INTEGER, 
	taxable INTEGER, 
	requires_shipping INTEGER, 
	position INTEGER, 
	status TEXT, 
	inventory_policy TEXT, 
	inventory_quantity_override TEXT, 
	manual_inventory_quantity INTEGER, 
	allocation_buffer_override INTEGER, 
	variant_id INTEGER, 
	messages TEXT, record INTEGER, 
	PRIMARY KEY (run_id, external_id)
)
 WITHOUT ROWID

;
CREATE TABLE inventory_feed_variant_change_fields (
	change_id INTEGER NOT NULL, 
	field TEXT NOT NULL, 
	"before" BLOB, 
	"after" BLOB, 
	PRIMARY KEY (change_id, field)
)
 WITHOUT ROWID

;
CREATE TABLE inventory_feed_variant_changes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	inventory_feed_id INTEGER NOT NULL, 
	item_id INTEGER NOT NULL, 
	external_id TEXT NOT NULL, 
	run_id INTEGER, 
	call TEXT, 
	at INTEGER NOT NULL, 
	action TEXT NOT NULL, 
	content_hash INTEGER, 
	created_run_id INTEGER, 
	inventory_updated_at INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL
);
CREATE TABLE inventory_feed_variant_connections (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	inventory_feed_variant_id INTEGER NOT NULL, 
	variant_id INTEGER NOT NULL, 
	action TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	run_id INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL
);
CREATE TABLE inventory_feed_variants (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	inventory_feed_id INTEGER NOT NULL, 
	content_hash INTEGER, 
	created_run_id INTEGER, 
	inventory_updated_at INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	external_id TEXT NOT NULL, 
	external_group_id TEXT, 
	vendor_sku TEXT, 
	original_sku TEXT, 
	barcode TEXT, 
	mpn TEXT, 
	name TEXT, 
	handle TEXT, 
	description TEXT, 
	product_type TEXT, 
	vendor_name TEXT, 
	images TEXT DEFAULT '[]' NOT NULL, 
	options TEXT DEFAULT '[]' NOT NULL, 
	tags TEXT DEFAULT '[]' NOT NULL, 
	meta_fields TEXT, 
	inventory_quantity NUMERIC, 
	locations TEXT, 
	retail_price INTEGER, 
	compare_at_price INTEGER, 
	cost_price INTEGER, 
	grams INTEGER DEFAULT 0 NOT NULL, 
	taxable INTEGER DEFAULT 1 NOT NULL, 
	requires_shipping INTEGER DEFAULT 1 NOT NULL, 
	position INTEGER, 
	status TEXT DEFAULT 'pending' NOT NULL, 
	inventory_policy TEXT DEFAULT 'track' NOT NULL, 
	inventory_quantity_override TEXT DEFAULT 'none' NOT NULL, 
	manual_inventory_quantity INTEGER, 
	allocation_buffer_override INTEGER, 
	variant_id INTEGER, 
	messages TEXT, missing_runs INTEGER DEFAULT '0' NOT NULL, connection_scope TEXT, sequence INTEGER, occurred_at INTEGER, 
	CONSTRAINT uq_inventory_feed_variants_key UNIQUE (inventory_feed_id, external_id)
);
CREATE TABLE inventory_feeds (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	dropship_provider_id INTEGER NOT NULL, 
	settings TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	loading_run_id INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, checkpoint TEXT, sealed BLOB, next_fetch_at INTEGER, failures INTEGER DEFAULT '0' NOT NULL, paused_at INTEGER, pause_reason TEXT, validation_message TEXT DEFAULT '', 
	UNIQUE (name), 
	FOREIGN KEY(dropship_provider_id) REFERENCES dropship_providers (id)
);
CREATE TABLE jobs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind TEXT NOT NULL, 
	dedupe_key TEXT, 
	payload TEXT NOT NULL, 
	available_at INTEGER NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	owner TEXT, 
	claimed_at INTEGER, 
	created_at INTEGER NOT NULL, 
	CONSTRAINT uq_jobs_dedupe_key UNIQUE (dedupe_key)
);
CREATE TABLE password_links (
	digest BLOB NOT NULL, 
	person_id INTEGER NOT NULL, 
	expires_at INTEGER NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE
);
CREATE TABLE people (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	password TEXT, 
	seen_at INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	CONSTRAINT uq_people_name UNIQUE (name), 
	CONSTRAINT ck_people_role CHECK (role IN ('admin', 'viewer'))
);
CREATE TABLE "plan" (
	id INTEGER NOT NULL, 
	sku_limit INTEGER, 
	PRIMARY KEY (id)
);
CREATE TABLE plan_days (
	day INTEGER NOT NULL, 
	used INTEGER NOT NULL, 
	PRIMARY KEY (day)
);
CREATE TABLE plan_usage (
	day INTEGER NOT NULL, 
	item_id INTEGER NOT NULL, 
	PRIMARY KEY (day, item_id)
)
 WITHOUT ROWID

;
CREATE TABLE products (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	external_id TEXT, 
	name TEXT, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	UNIQUE (external_id)
);
CREATE TABLE service_state (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE sessions (
	digest BLOB NOT NULL, 
	person_id INTEGER NOT NULL, 
	expires_at INTEGER NOT NULL, 
	created_at INTEGER NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE
);
CREATE TABLE variants (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	product_id INTEGER, 
	sku TEXT, 
	barcode TEXT, 
	name TEXT, 
	options TEXT DEFAULT '[]' NOT NULL, 
	identity TEXT NOT NULL, 
	option_key TEXT NOT NULL, 
	sku_key TEXT, 
	gtin TEXT, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	CONSTRAINT uq_variants_identity UNIQUE (identity, option_key), 
	FOREIGN KEY(product_id) REFERENCES products (id)
);
CREATE TABLE webhook_item_marks (
	webhook_id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	item_mark INTEGER NOT NULL, 
	PRIMARY KEY (webhook_id, feed_id), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE webhook_payloads (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	webhook_id INTEGER NOT NULL, 
	topic TEXT NOT NULL, 
	resource_id INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	status TEXT NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	next_attempt_at INTEGER, 
	response_status INTEGER, 
	response_excerpt TEXT, 
	error TEXT, 
	delivered_at INTEGER, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE
);
CREATE TABLE webhooks (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT, 
	location TEXT NOT NULL, 
	topics TEXT NOT NULL, 
	feed_id INTEGER, 
	enabled BOOLEAN DEFAULT '1' NOT NULL, 
	sealed BLOB NOT NULL, 
	failures INTEGER DEFAULT '0' NOT NULL, 
	paused_at INTEGER, 
	pause_reason TEXT, 
	change_mark INTEGER NOT NULL, 
	event_mark INTEGER NOT NULL, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	FOREIGN KEY(feed_id) REFERENCES inventory_feeds (id) ON DELETE CASCADE
);
CREATE TABLE write_origin (
	run_id INTEGER, 
	call TEXT, 
	at INTEGER NOT NULL
);
CREATE INDEX ix_data_imports_feed_id ON data_imports (feed_id);
CREATE INDEX ix_inventory_feed_variants_feed ON inventory_feed_variants (inventory_feed_id);
CREATE INDEX ix_inventory_feed_variants_missing ON inventory_feed_variants (inventory_feed_id) WHERE missing_runs > 0;
CREATE INDEX ix_inventory_feed_variants_removed ON inventory_feed_variants (inventory_feed_id) WHERE status = 'removed';
CREATE INDEX ix_inventory_feed_variant_changes_item ON inventory_feed_variant_changes (item_id);
CREATE INDEX ix_inventory_feed_variant_changes_run ON inventory_feed_variant_changes (run_id);
CREATE INDEX ix_inventory_feed_variant_changes_at ON inventory_feed_variant_changes (inventory_feed_id, at);
CREATE TRIGGER log_update AFTER UPDATE OF external_group_id, vendor_sku, original_sku, barcode, mpn, name, handle, description, product_type, vendor_name, images, options, tags, meta_fields, inventory_quantity, locations, retail_price, compare_at_price, cost_price, grams, taxable, requires_shipping, position, status, inventory_policy, inventory_quantity_override, manual_inventory_quantity, allocation_buffer_override, variant_id, messages, missing_runs, connection_scope ON inventory_feed_variants WHEN EXISTS (SELECT 1 FROM write_origin) AND (old.external_group_id IS NOT new.external_group_id OR old.vendor_sku IS NOT new.vendor_sku OR old.original_sku IS NOT new.original_sku OR old.barcode IS NOT new.barcode OR old.mpn IS NOT new.mpn OR old.name IS NOT new.name OR old.handle IS NOT new.handle OR old.description IS NOT new.description OR old.product_type IS NOT new.product_type OR old.vendor_name IS NOT new.vendor_name OR old.images IS NOT new.images OR old.options IS NOT new.options OR old.tags IS NOT new.tags OR old.meta_fields IS NOT new.meta_fields OR old.inventory_quantity IS NOT new.inventory_quantity OR old.locations IS NOT new.locations OR old.retail_price IS NOT new.retail_price OR old.compare_at_price IS NOT new.compare_at_price OR old.cost_price IS NOT new.cost_price OR old.grams IS NOT new.grams OR old.taxable IS NOT new.taxable OR old.requires_shipping IS NOT new.requires_shipping OR old.position IS NOT new.position OR old.status IS NOT new.status OR old.inventory_policy IS NOT new.inventory_policy OR old.inventory_quantity_override IS NOT new.inventory_quantity_override OR old.manual_inventory_quantity IS NOT new.manual_inventory_quantity OR old.allocation_buffer_override IS NOT new.allocation_buffer_override OR old.variant_id IS NOT new.variant_id OR old.messages IS NOT new.messages OR old.missing_runs IS NOT new.missing_runs OR old.connection_scope IS NOT new.connection_scope) BEGIN INSERT INTO inventory_feed_variant_changes (inventory_feed_id, item_id, external_id, run_id, call, at, action, content_hash, created_run_id, inventory_updated_at, created_at, updated_at) SELECT old.inventory_feed_id, old.id, old.external_id, run_id, call, at, 'updated', old.content_hash, old.created_run_id, old.inventory_updated_at, old.created_at, old.updated_at FROM write_origin; INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'external_group_id', old.external_group_id, new.external_group_id WHERE old.external_group_id IS NOT new.external_group_id;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'vendor_sku', old.vendor_sku, new.vendor_sku WHERE old.vendor_sku IS NOT new.vendor_sku;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'original_sku', old.original_sku, new.original_sku WHERE old.original_sku IS NOT new.original_sku;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'barcode', old.barcode, new.barcode WHERE old.barcode IS NOT new.barcode;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'mpn', old.mpn, new.mpn WHERE old.mpn IS NOT new.mpn;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'name', old.name, new.name WHERE old.name IS NOT new.name;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'handle', old.handle, new.handle WHERE old.handle IS NOT new.handle;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'description', old.description, new.description WHERE old.description IS NOT new.description;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'product_type', old.product_type, new.product_type WHERE old.product_type IS NOT new.product_type;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'vendor_name', old.vendor_name, new.vendor_name WHERE old.vendor_name IS NOT new.vendor_name;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'images', old.images, new.images WHERE old.images IS NOT new.images;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'options', old.options, new.options WHERE old.options IS NOT new.options;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'tags', old.tags, new.tags WHERE old.tags IS NOT new.tags;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'meta_fields', old.meta_fields, new.meta_fields WHERE old.meta_fields IS NOT new.meta_fields;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'inventory_quantity', old.inventory_quantity, new.inventory_quantity WHERE old.inventory_quantity IS NOT new.inventory_quantity;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'locations', old.locations, new.locations WHERE old.locations IS NOT new.locations;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'retail_price', old.retail_price, new.retail_price WHERE old.retail_price IS NOT new.retail_price;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'compare_at_price', old.compare_at_price, new.compare_at_price WHERE old.compare_at_price IS NOT new.compare_at_price;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'cost_price', old.cost_price, new.cost_price WHERE old.cost_price IS NOT new.cost_price;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'grams', old.grams, new.grams WHERE old.grams IS NOT new.grams;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'taxable', old.taxable, new.taxable WHERE old.taxable IS NOT new.taxable;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'requires_shipping', old.requires_shipping, new.requires_shipping WHERE old.requires_shipping IS NOT new.requires_shipping;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'position', old.position, new.position WHERE old.position IS NOT new.position;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'status', old.status, new.status WHERE old.status IS NOT new.status;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'inventory_policy', old.inventory_policy, new.inventory_policy WHERE old.inventory_policy IS NOT new.inventory_policy;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'inventory_quantity_override', old.inventory_quantity_override, new.inventory_quantity_override WHERE old.inventory_quantity_override IS NOT new.inventory_quantity_override;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'manual_inventory_quantity', old.manual_inventory_quantity, new.manual_inventory_quantity WHERE old.manual_inventory_quantity IS NOT new.manual_inventory_quantity;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'allocation_buffer_override', old.allocation_buffer_override, new.allocation_buffer_override WHERE old.allocation_buffer_override IS NOT new.allocation_buffer_override;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'variant_id', old.variant_id, new.variant_id WHERE old.variant_id IS NOT new.variant_id;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'messages', old.messages, new.messages WHERE old.messages IS NOT new.messages;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'missing_runs', old.missing_runs, new.missing_runs WHERE old.missing_runs IS NOT new.missing_runs;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'connection_scope', old.connection_scope, new.connection_scope WHERE old.connection_scope IS NOT new.connection_scope; END;
CREATE INDEX ix_variants_sku_key ON variants (sku_key) WHERE sku_key IS NOT NULL;
CREATE INDEX ix_variants_gtin ON variants (gtin) WHERE gtin IS NOT NULL;
CREATE INDEX ix_inventory_feed_variant_connections_item ON inventory_feed_variant_connections (inventory_feed_variant_id);
CREATE INDEX ix_inventory_feed_variants_variant ON inventory_feed_variants (variant_id) WHERE variant_id IS NOT NULL;
CREATE INDEX ix_inventory_feed_variants_told ON inventory_feed_variants (inventory_feed_id) WHERE messages IS NOT NULL;
CREATE TRIGGER log_delete AFTER DELETE ON inventory_feed_variants WHEN EXISTS (SELECT 1 FROM write_origin) BEGIN INSERT INTO inventory_feed_variant_changes (inventory_feed_id, item_id, external_id, run_id, call, at, action, content_hash, created_run_id, inventory_updated_at, created_at, updated_at) SELECT old.inventory_feed_id, old.id, old.external_id, run_id, call, at, 'deleted', old.content_hash, old.created_run_id, old.inventory_updated_at, old.created_at, old.updated_at FROM write_origin; INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'external_group_id', old.external_group_id, NULL WHERE old.external_group_id IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'vendor_sku', old.vendor_sku, NULL WHERE old.vendor_sku IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'original_sku', old.original_sku, NULL WHERE old.original_sku IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'barcode', old.barcode, NULL WHERE old.barcode IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'mpn', old.mpn, NULL WHERE old.mpn IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'name', old.name, NULL WHERE old.name IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'handle', old.handle, NULL WHERE old.handle IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'description', old.description, NULL WHERE old.description IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'product_type', old.product_type, NULL WHERE old.product_type IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'vendor_name', old.vendor_name, NULL WHERE old.vendor_name IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'images', old.images, NULL WHERE old.images IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'options', old.options, NULL WHERE old.options IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'tags', old.tags, NULL WHERE old.tags IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'meta_fields', old.meta_fields, NULL WHERE old.meta_fields IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'inventory_quantity', old.inventory_quantity, NULL WHERE old.inventory_quantity IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'locations', old.locations, NULL WHERE old.locations IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'retail_price', old.retail_price, NULL WHERE old.retail_price IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'compare_at_price', old.compare_at_price, NULL WHERE old.compare_at_price IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'cost_price', old.cost_price, NULL WHERE old.cost_price IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'grams', old.grams, NULL WHERE old.grams IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'taxable', old.taxable, NULL WHERE old.taxable IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'requires_shipping', old.requires_shipping, NULL WHERE old.requires_shipping IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'position', old.position, NULL WHERE old.position IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'status', old.status, NULL WHERE old.status IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'inventory_policy', old.inventory_policy, NULL WHERE old.inventory_policy IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'inventory_quantity_override', old.inventory_quantity_override, NULL WHERE old.inventory_quantity_override IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'manual_inventory_quantity', old.manual_inventory_quantity, NULL WHERE old.manual_inventory_quantity IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'allocation_buffer_override', old.allocation_buffer_override, NULL WHERE old.allocation_buffer_override IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'variant_id', old.variant_id, NULL WHERE old.variant_id IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'messages', old.messages, NULL WHERE old.messages IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'missing_runs', old.missing_runs, NULL WHERE old.missing_runs IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT last_insert_rowid(), 'connection_scope', old.connection_scope, NULL WHERE old.connection_scope IS NOT NULL; INSERT INTO inventory_feed_variant_change_fields SELECT max(id), 'sequence', old.sequence, NULL FROM inventory_feed_variant_changes WHERE item_id = old.id AND old.sequence IS NOT NULL HAVING max(id) IS NOT NULL;INSERT INTO inventory_feed_variant_change_fields SELECT max(id), 'occurred_at', old.occurred_at, NULL FROM inventory_feed_variant_changes WHERE item_id = old.id AND old.occurred_at IS NOT NULL HAVING max(id) IS NOT NULL; END;
CREATE INDEX ix_inventory_feeds_unchecked ON inventory_feeds (id) WHERE validation_message = '';
CREATE INDEX ix_inventory_feed_variants_connected ON inventory_feed_variants (inventory_feed_id, status) WHERE status = 'connected';
CREATE INDEX ix_inventory_feeds_hash ON inventory_feeds (hash) WHERE hash <> '';
CREATE INDEX ix_inventory_feeds_next ON inventory_feeds (next_fetch_at) WHERE next_fetch_at IS NOT NULL;
CREATE INDEX ix_data_imports_open ON data_imports (feed_id) WHERE status IN ('pending', 'started');
CREATE TRIGGER log_run_status AFTER UPDATE OF status ON data_imports WHEN new.status IN ('held', 'complete', 'error', 'skipped', 'cancelled') AND new.status IS NOT old.status BEGIN INSERT INTO data_import_events (run_id, feed_id, kind, status, at) VALUES (new.id, new.feed_id, new.kind, new.status, coalesce(new.finished_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)); END;
CREATE TRIGGER log_run_begun_ended AFTER INSERT ON data_imports WHEN new.status IN ('held', 'complete', 'error', 'skipped', 'cancelled') BEGIN INSERT INTO data_import_events (run_id, feed_id, kind, status, at) VALUES (new.id, new.feed_id, new.kind, new.status, coalesce(new.finished_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)); END;
CREATE INDEX ix_jobs_waiting ON jobs (kind, available_at) WHERE owner IS NULL;
CREATE INDEX ix_batches_pending ON batches (id, feed_id, available_at, bytes) WHERE status = 'pending';
CREATE INDEX ix_batches_feed ON batches (feed_id);
CREATE INDEX ix_idempotency_keys_created ON idempotency_keys (created_at);
CREATE INDEX ix_webhook_payloads_webhook ON webhook_payloads (webhook_id);
CREATE INDEX ix_webhook_payloads_due ON webhook_payloads (webhook_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX ix_webhook_payloads_order ON webhook_payloads (webhook_id, resource_id) WHERE status = 'pending';
CREATE INDEX ix_webhook_payloads_ended ON webhook_payloads (updated_at) WHERE status <> 'pending';
CREATE UNIQUE INDEX uq_alerts_open ON alerts ("key") WHERE resolved_at IS NULL;
CREATE INDEX ix_alerts_due ON alerts (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX ix_inventory_feed_variants_unhashed ON inventory_feed_variants (inventory_feed_id) WHERE content_hash IS NULL;
CREATE TRIGGER void_screen_update AFTER UPDATE OF content_hash ON inventory_feed_variants WHEN new.content_hash IS NOT NULL AND new.content_hash IS NOT old.content_hash BEGIN DELETE FROM inventory_feed_screens WHERE feed_id = new.inventory_feed_id; END;
CREATE TRIGGER void_screen_delete AFTER DELETE ON inventory_feed_variants BEGIN DELETE FROM inventory_feed_screens WHERE feed_id = old.inventory_feed_id; END;
CREATE INDEX ix_password_links_person_id ON password_links (person_id);
CREATE INDEX ix_sessions_person_id ON sessions (person_id);
CREATE INDEX ix_inventory_feed_mapping_versions_feed_id ON inventory_feed_mapping_versions (feed_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('inventory_feed_rows',0);
