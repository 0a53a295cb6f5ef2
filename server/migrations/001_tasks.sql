CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled', 'expired')),
    seq INTEGER NOT NULL,
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    retry_of TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    -- Who works on it: a fresh id for each start of a server.
    owner TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    -- Unclean ends since the last checkpoint.
    tries INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    checkpoint TEXT,
    rows_done INTEGER NOT NULL DEFAULT 0,
    rows_total INTEGER,
    bytes_done INTEGER NOT NULL DEFAULT 0,
    contracts_done INTEGER NOT NULL DEFAULT 0,
    contracts_total INTEGER,
    resumed_from_rows INTEGER NOT NULL DEFAULT 0,
    duplicates_dropped INTEGER,
    warnings TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warnings)),
    error TEXT,
    error_code TEXT,
    file_name TEXT,
    size INTEGER,
    sha256 TEXT,
    CHECK (status NOT IN ('completed', 'expired')
           OR (file_name IS NOT NULL AND size IS NOT NULL AND sha256 IS NOT NULL)),
    CHECK (status <> 'failed' OR (error IS NOT NULL AND error_code IS NOT NULL)),
    CHECK ((status IN ('queued', 'processing')) = (finished_at IS NULL))
);

CREATE INDEX tasks_by_status ON tasks (status, id);

-- The diagram of docs/states.md, held by the database itself.
CREATE TRIGGER tasks_states BEFORE UPDATE OF status ON tasks
WHEN NOT (
    OLD.status = NEW.status AND OLD.status IN ('queued', 'processing')
    OR OLD.status = 'queued' AND NEW.status IN ('processing', 'cancelled', 'failed')
    OR OLD.status = 'processing' AND NEW.status IN ('queued', 'completed', 'failed', 'cancelled')
    OR OLD.status = 'completed' AND NEW.status = 'expired'
)
BEGIN
    SELECT RAISE(ABORT, 'a task cannot go from this state to that one');
END;
