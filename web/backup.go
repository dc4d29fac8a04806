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
