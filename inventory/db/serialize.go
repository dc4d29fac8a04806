package db

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"gorm.io/gorm/schema"
)

// stampForm is RFC 3339 in UTC with nine digits, always: texts of one length
// sort as the times do. STRICT tables have no column type for time.
const stampForm = "2006-01-02T15:04:05.000000000Z"

func stamp(t time.Time) string { return t.UTC().Format(stampForm) }

func init() {
	// Named in the gorm tags of package inventory.
	schema.RegisterSerializer("stamp", stampSerializer{})
	schema.RegisterSerializer("rawjson", rawSerializer{})
}

// stampSerializer keeps time.Time and *time.Time as stampForm; nil as NULL.
type stampSerializer struct{}

func (stampSerializer) Value(_ context.Context, f *schema.Field, _ reflect.Value, v any) (any, error) {
	switch t := v.(type) {
	case time.Time:
		return stamp(t), nil
	case *time.Time:
		if t == nil {
			return nil, nil
		}
		return stamp(*t), nil
	}
	return nil, fmt.Errorf("column %s: %T is not a time", f.DBName, v)
}

func (stampSerializer) Scan(ctx context.Context, f *schema.Field, dst reflect.Value, v any) error {
	if v == nil {
		f.ReflectValueOf(ctx, dst).SetZero()
		return nil
	}
	text, err := asText(f, v)
	if err != nil {
		return err
	}
	t, err := time.Parse(stampForm, text)
	if err != nil {
		return fmt.Errorf("column %s: %w", f.DBName, err)
	}
	to := f.ReflectValueOf(ctx, dst)
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.ValueOf(&t))
	} else {
		to.Set(reflect.ValueOf(t))
	}
	return nil
}

// rawSerializer keeps a json.RawMessage byte for byte, because a plan's hash
// is made of it; gorm's own JSON serializer would write it anew.
type rawSerializer struct{}

func (rawSerializer) Value(_ context.Context, f *schema.Field, _ reflect.Value, v any) (any, error) {
	raw, ok := v.(json.RawMessage)
	switch {
	case !ok:
		return nil, fmt.Errorf("column %s: %T is not raw JSON", f.DBName, v)
	case len(raw) == 0:
		return nil, nil
	}
	return string(raw), nil
}

func (rawSerializer) Scan(ctx context.Context, f *schema.Field, dst reflect.Value, v any) error {
	if v == nil {
		f.ReflectValueOf(ctx, dst).SetZero()
		return nil
	}
	text, err := asText(f, v)
	if err != nil {
		return err
	}
	f.ReflectValueOf(ctx, dst).SetBytes([]byte(text))
	return nil
}

func asText(f *schema.Field, v any) (string, error) {
	switch t := v.(type) {
	case string:
		return t, nil
	case []byte:
		return string(t), nil
	}
	return "", fmt.Errorf("column %s: %T is not text", f.DBName, v)
}
