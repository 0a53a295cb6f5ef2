// What to do about a failed export, by its code.

const AGAIN = 'Then run the export again.';

export const ADVICE = {
  bad_contract: 'The database has no symbol or no strike for it. Let the collector fetch that expiry’s contracts again, or leave the expiry out.',
  bad_row: 'Nothing is left out in silence, so the export stopped. Let the collector fetch that contract again, or leave its expiry out.',
  bad_input: 'The database no longer has what was asked for. Open the wizard with this configuration and choose again.',
  database_missing: `Put the database back, or start the server with --db and its path. ${AGAIN}`,
  database_unreadable: `Check that the file is ExpiryTrack’s database, whole and readable for the server. ${AGAIN}`,
  database_schema: 'Start the server with --db and a database that the ExpiryTrack collector has written.',
  database_busy: `Another program kept the database locked. Wait until it has finished. ${AGAIN}`,
  database_changed: 'The collector was writing these contracts. Run the export again when it has finished.',
  storage_full: `Free some space on the disk of the exports folder, or remove old files in the history. ${AGAIN}`,
  storage_denied: `Let the server write to its exports folder, or start it with --exports and another one. ${AGAIN}`,
  storage_failed: `Check the disk of the exports folder. ${AGAIN}`,
  not_installed: 'Install what the message names on the server and start it again, or choose another format.',
  too_many_rows: 'Choose fewer expiries or a shorter time range, or raise the server’s limit.',
  too_many_tries: 'The server ended three times at this export. Its log says why; a smaller selection may pass.',
  internal: 'This is a defect of the program. The server’s log has the details; please report them.',
};

export const advice = (code) => ADVICE[code] ?? 'Run the export again; the server’s log has the details.';
