-- Since when nothing is sent to a node or its BMC, by whom and why.
ALTER TABLE nodes ADD COLUMN hands_off TEXT;
ALTER TABLE nodes ADD COLUMN hands_off_by TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN hands_off_why TEXT NOT NULL DEFAULT '';
