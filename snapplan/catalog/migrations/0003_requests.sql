-- How many requests were made to a backend whose platform limits them. `minute` is when the minute began.

CREATE TABLE request_count (
    backend TEXT NOT NULL,
    minute INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (backend, minute)
) WITHOUT ROWID;
