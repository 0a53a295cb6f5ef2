ALTER TABLE tasks ADD COLUMN note TEXT;
ALTER TABLE tasks ADD COLUMN template_id TEXT;
ALTER TABLE tasks ADD COLUMN schedule_id TEXT;
-- The moment that a schedule ran for.
ALTER TABLE tasks ADD COLUMN slot TEXT;
ALTER TABLE tasks ADD COLUMN slot_note TEXT;
-- What the client called its request, and the SHA-256 of what it asked for.
ALTER TABLE tasks ADD COLUMN idempotency_key TEXT;
ALTER TABLE tasks ADD COLUMN idempotency_digest TEXT;

CREATE UNIQUE INDEX tasks_by_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_by_schedule ON tasks (schedule_id, id) WHERE schedule_id IS NOT NULL;

CREATE TABLE templates (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    note TEXT,
    request TEXT NOT NULL CHECK (json_valid(request)),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    cron TEXT NOT NULL,
    template_id TEXT REFERENCES templates (id),
    request TEXT CHECK (request IS NULL OR json_valid(request)),
    paused INTEGER NOT NULL DEFAULT 0,
    missed TEXT NOT NULL CHECK (missed IN ('run', 'skip')),
    only_new INTEGER NOT NULL DEFAULT 0,
    keep_runs INTEGER,
    keep_days INTEGER,
    -- Slots up to here have been dealt with. A clock that was set back takes it back too.
    looked_until TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CHECK ((template_id IS NULL) <> (request IS NULL))
);

CREATE INDEX schedules_by_template ON schedules (template_id) WHERE template_id IS NOT NULL;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    slot TEXT NOT NULL,
    task_id TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('started', 'skipped', 'failed', 'nothing_new')),
    reason TEXT,
    -- One run for a slot, whatever restarts or clocks do.
    UNIQUE (schedule_id, slot)
);

-- The expiries that completed runs of a schedule have exported; outlives the tasks.
CREATE TABLE exported (
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    instrument TEXT NOT NULL,
    expiry TEXT NOT NULL,
    PRIMARY KEY (schedule_id, instrument, expiry)
) WITHOUT ROWID;

-- A task of a schedule and the row that holds its slot come into being in one statement: if the
-- slot is taken, or the schedule is gone, neither does.
CREATE TRIGGER tasks_slots AFTER INSERT ON tasks
WHEN NEW.schedule_id IS NOT NULL
BEGIN
    INSERT INTO runs (schedule_id, slot, task_id, outcome, reason)
    VALUES (NEW.schedule_id, NEW.slot, NEW.task_id, 'started', NEW.slot_note);
END;

CREATE TRIGGER tasks_exported AFTER UPDATE OF status ON tasks
WHEN NEW.status = 'completed' AND NEW.schedule_id IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO exported (schedule_id, instrument, expiry)
    SELECT NEW.schedule_id, one.key, day.value
    FROM json_each(NEW.spec, '$.expiries') AS one, json_each(one.value) AS day
    WHERE EXISTS (SELECT 1 FROM schedules WHERE id = NEW.schedule_id);
END;
