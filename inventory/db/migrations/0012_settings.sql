-- What a person decides about the cloud's services.
ALTER TABLE racks ADD COLUMN workers INTEGER NOT NULL DEFAULT 0
  CONSTRAINT "workers are 1 to 64, 0 for as many as the hardware says" CHECK (workers BETWEEN 0 AND 64);
ALTER TABLE racks ADD COLUMN no_dashboard INTEGER NOT NULL DEFAULT 0
  CONSTRAINT "no_dashboard is true or false" CHECK (no_dashboard IN (0, 1));
