package db

import (
	"context"

	"gorm.io/gorm"

	"sandai/inventory"
)

// AppendAudit writes an entry into the audit log and sets its ID. Nothing takes
// it out again.
func (s *Store) AppendAudit(ctx context.Context, e *inventory.AuditEntry) error {
	return s.quietly(ctx, "writing the audit log", func(tx *gorm.DB) error {
		e.ID = 0
		return tx.Create(e).Error
	})
}

// FinishAudit adds how an entry ended, and who it was where that was not known
// when it began (a sign-in).
func (s *Store) FinishAudit(ctx context.Context, e inventory.AuditEntry) error {
	return s.quietly(ctx, "writing the audit log", func(tx *gorm.DB) error {
		return tx.Model(&inventory.AuditEntry{}).Where("id = ?", e.ID).
			Updates(map[string]any{"status": e.Status, "who": e.Who, "via": e.Via}).Error
	})
}

// Audit lists entries, the newest first, at most limit: those of who, or of all
// if it is nil, and with an ID less than before, or from the newest on if it is 0.
func (s *Store) Audit(ctx context.Context, who *string, before uint, limit int) ([]inventory.AuditEntry, error) {
	q := s.read(ctx).Order("id DESC").Limit(limit)
	if who != nil {
		q = q.Where("who = ?", *who)
	}
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	var list []inventory.AuditEntry
	if err := q.Find(&list).Error; err != nil {
		return nil, fail(err, "reading the audit log")
	}
	return list, nil
}
