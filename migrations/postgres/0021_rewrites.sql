-- What was done to rows that no SQL can do: each is done once, by the program, after the migrations.
CREATE TABLE rewrites (
    name    text COLLATE "C" PRIMARY KEY,
    done_at timestamptz NOT NULL
);
