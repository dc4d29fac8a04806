package db

import "context"

// Copy writes a consistent copy of the database to a file that is not there yet,
// while the appliance goes on (VACUUM INTO, https://sqlite.org/lang_vacuum.html).
// Its secrets stay sealed.
func (s *Store) Copy(ctx context.Context, path string) error {
	if err := s.w.WithContext(ctx).Exec("VACUUM INTO ?", path).Error; err != nil {
		return fail(err, "copying the database")
	}
	return nil
}
