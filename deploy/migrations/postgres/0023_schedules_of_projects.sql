-- A schedule may belong to a project: its runs spend for it, and keys of the project see and change it.
ALTER TABLE schedule ADD COLUMN project text;
