package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// Backups writes the appliance's whole state as one encrypted file. The error is
// Invalid for a passphrase that is too short.
type Backups interface {
	Backup(ctx context.Context, w io.Writer, passphrase string) error
	// Copies says how the sealed copies on the nodes stand.
	Copies(ctx context.Context) (inventory.Copies, error)
	// SealCopies has copies made from now on that the passphrase opens; "" ends that.
	SealCopies(ctx context.Context, passphrase string) error
	// CopyNow makes them at once. The error is Conflict where none are to be made.
	CopyNow(ctx context.Context) (inventory.Copies, error)
}

type backupRequest struct {
	Body struct {
		Passphrase string `json:"passphrase" doc:"opens the file again; without it the backup is worth nothing"`
	}
}

func (s *server) backupRoutes(api huma.API) {
	op := postAdmin("backup", "/backup", "Write the appliance's whole state into one encrypted file; it goes on meanwhile")
	huma.Register(api, op, func(ctx context.Context, in *backupRequest) (*download, error) {
		var b bytes.Buffer
		err := s.Backups.Backup(ctx, &b, in.Body.Passphrase)
		return file(b.Bytes(), backupType, backupName(), err)
	})
	huma.Register(api, get("copies", "/copies", "Say how the sealed copies of the appliance on its nodes stand"), func(ctx context.Context, _ *struct{}) (*answer[inventory.Copies], error) {
		return reply(s.Backups.Copies(ctx))
	})
	huma.Register(api, postAdmin("seal-copies", "/copies", "Have the nodes keep sealed copies of the appliance from now on; an empty passphrase ends that"), func(ctx context.Context, in *backupRequest) (*answer[inventory.Copies], error) {
		if err := s.Backups.SealCopies(ctx, in.Body.Passphrase); err != nil {
			return nil, err
		}
		return reply(s.Backups.Copies(ctx))
	})
	huma.Register(api, postAdmin("copy-now", "/copies/now", "Have the nodes fetch a sealed copy of the appliance at once"), func(ctx context.Context, _ *struct{}) (*answer[inventory.Copies], error) {
		return reply(s.Backups.CopyNow(ctx))
	})
}

// copiesAction begins or ends sealed copies, or makes them at once.
func (s *server) copiesAction(c *gin.Context) {
	var err error
	switch phrase := c.PostForm("passphrase"); {
	case c.PostForm("do") == "now":
		_, err = s.Backups.CopyNow(c.Request.Context())
	case c.PostForm("do") == "off":
		err = s.Backups.SealCopies(c.Request.Context(), "")
	case phrase == "" || phrase != c.PostForm("again"):
		err = inventory.Errorf(inventory.Invalid, "no copies are made: the two passphrases differ, or there is none")
	default:
		err = s.Backups.SealCopies(c.Request.Context(), phrase)
	}
	s.settingsAction(c, "appliance", "copies", err)
}

// backupAction hands a backup to who typed its passphrase twice.
func (s *server) backupAction(c *gin.Context) {
	phrase := c.PostForm("passphrase")
	var b bytes.Buffer
	err := error(inventory.Errorf(inventory.Invalid, "no backup was made: the two passphrases differ"))
	if phrase == c.PostForm("again") {
		err = s.Backups.Backup(c.Request.Context(), &b, phrase)
	}
	if err != nil {
		s.settingsPage(c, errorOf(err).status, page.SettingsData{Tab: "appliance"}, err.Error())
		return
	}
	c.Header("Content-Disposition", `attachment; filename="`+backupName()+`"`)
	c.Data(http.StatusOK, backupType, b.Bytes())
}

const backupType = "application/octet-stream"

func backupName() string { return "sandai-" + time.Now().UTC().Format("2006-01-02-1504") + ".age" }
