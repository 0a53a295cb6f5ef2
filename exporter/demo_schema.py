"""The collector's own schema, statement by statement, as it stands in users' databases."""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE TABLE credentials (
    id INTEGER PRIMARY KEY,
    api_key TEXT NOT NULL,
    api_secret TEXT NOT NULL,
    redirect_uri TEXT DEFAULT 'http://127.0.0.1:5000/upstox/callback',
    access_token TEXT,
    token_expiry REAL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE default_instruments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instrument_key TEXT UNIQUE NOT NULL,
    symbol TEXT NOT NULL,
    is_active BOOLEAN DEFAULT TRUE,
    priority INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE instruments (
    instrument_key TEXT PRIMARY KEY,
    symbol TEXT NOT NULL,
    name TEXT,
    exchange TEXT,
    segment TEXT,
    underlying_type TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE expiries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instrument_key TEXT NOT NULL,
    expiry_date DATE NOT NULL,
    is_weekly BOOLEAN,
    contracts_fetched BOOLEAN DEFAULT FALSE,
    data_fetched BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (instrument_key) REFERENCES instruments(instrument_key),
    UNIQUE(instrument_key, expiry_date)
);
CREATE TABLE contracts (
    expired_instrument_key TEXT PRIMARY KEY,
    instrument_key TEXT NOT NULL,
    expiry_date DATE NOT NULL,
    contract_type TEXT NOT NULL,
    strike_price DECIMAL(10,2),
    trading_symbol TEXT NOT NULL,
    openalgo_symbol TEXT,  -- OpenAlgo symbology for easy querying
    lot_size INTEGER,
    tick_size DECIMAL(10,2),
    exchange_token TEXT,
    freeze_quantity INTEGER,
    minimum_lot INTEGER,
    metadata JSON,
    data_fetched BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (instrument_key) REFERENCES instruments(instrument_key)
);
CREATE TABLE historical_data (
    expired_instrument_key TEXT NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    open DECIMAL(10,2) NOT NULL,
    high DECIMAL(10,2) NOT NULL,
    low DECIMAL(10,2) NOT NULL,
    close DECIMAL(10,2) NOT NULL,
    volume BIGINT NOT NULL,
    oi BIGINT DEFAULT 0,
    PRIMARY KEY (expired_instrument_key, timestamp),
    FOREIGN KEY (expired_instrument_key) REFERENCES contracts(expired_instrument_key)
);
CREATE TABLE job_status (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_type TEXT NOT NULL,
    instrument_key TEXT,
    expiry_date DATE,
    contract_key TEXT,
    status TEXT NOT NULL,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    error_message TEXT,
    retry_count INTEGER DEFAULT 0,
    checkpoint JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
"""

INDEXES: Final = """
CREATE INDEX idx_expiry_date ON contracts(expiry_date);
CREATE INDEX idx_contract_type ON contracts(contract_type);
CREATE INDEX idx_strike_price ON contracts(strike_price);
CREATE INDEX idx_openalgo_symbol ON contracts(openalgo_symbol);
CREATE INDEX idx_instrument_expiry ON contracts(instrument_key, expiry_date);
CREATE INDEX idx_historical_date ON historical_data(DATE(timestamp));
CREATE INDEX idx_historical_instrument ON historical_data(expired_instrument_key);
CREATE INDEX idx_job_status ON job_status(status, job_type);
"""
