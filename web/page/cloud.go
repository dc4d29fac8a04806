package page

import (
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// CloudData is what the cloud's page is drawn from.
type CloudData struct {
	Rack     inventory.Rack
	Report   *inventory.Report // nil where the rack was never installed
	Run      *inventory.Run    // the latest; nil where there is none
	Status   Answer[inventory.CloudStatus]
	Units    map[string]Answer[[]inventory.Unit] // by node
	Accounts []inventory.Account
	Revealed *inventory.Revealed                 // the one secret that was just asked for
	Journey  *inventory.Journey                  // nil where none was collected
	Trouble  []string                            // what could not be read for this page
	Texts    func(key string) inventory.StepText // of a step, in every language; nil for none

	Node, Unit string // chosen
	Restart    bool   // the restart of the chosen unit wants confirming
	Restarted  bool   // it was just restarted
	Journal    Answer[inventory.Journal]
	Now        time.Time
}

// CloudView is the cloud's page.
type CloudView struct {
	Rack      string
	Debian    bool           // the rack gets no cloud
	None      bool           // the rack was never installed
	Install   *inventory.Run // an install that is not done
	Cloud     inventory.CloudInfo
	Region    string
	Release   string
	Asked     Asked
	Login     string // why the cloud cannot be asked at all, "" where it can
	Endpoints []EndpointRow
	Accounts  []AccountRow
	Hidden    []AccountRow // those whose secret is never shown
	Proof     ProofView
	Services  ServicesView
	Unit      *UnitView
	Capacity  CapacityView
	Journey   *JourneyView
	Trouble   []string
	Phases    [][]string // how long each phase took: the head, then a row a phase
}

// EndpointRow is one public API.
type EndpointRow struct {
	inventory.EndpointStatus
	Lamp Lamp
}

// AccountRow is one account; Value is its secret where it was just asked for.
type AccountRow struct {
	inventory.Account
	Text  Text
	Key   bool // it is a key, no password
	Value string
}

// ProofView is what the latest proof found.
type ProofView struct {
	Run     uint
	At      *time.Time
	Running bool // a proof is under way
	Lamp    Lamp
	Checks  []CheckRow
	Can     bool // it can be run again now
}

// CheckRow is one check of the proof.
type CheckRow struct {
	inventory.ProofResult
	Title Text
}

// CloudPage makes the view. It is pure.
func CloudPage(d CloudData) CloudView {
	v := CloudView{Rack: d.Rack.Name, Region: d.Rack.Region, Release: d.Rack.Release, Debian: d.Rack.Release == inventory.ReleaseDebian, Trouble: d.Trouble,
		None: d.Report == nil}
	if d.Report != nil {
		v.Cloud = d.Report.Cloud
		if d.Report.Run.State != inventory.RunDone {
			v.Install = &d.Report.Run
		}
		v.Proof, v.Phases = proofView(d), progress.PhaseTable(*d.Report)
	}
	v.Asked = AskedOf(d.Status, d.Now)
	for _, e := range d.Status.Value.Errors {
		if e.Part == inventory.PartLogin {
			v.Login = e.Text
		}
	}
	for _, e := range d.Status.Value.Endpoints {
		v.Endpoints = append(v.Endpoints, EndpointRow{e, endpointLamp(e)})
	}
	for _, a := range d.Accounts {
		r := AccountRow{Account: a, Text: Text(a.What), Key: strings.HasSuffix(a.Secret, "-key")}
		if d.Revealed != nil && d.Revealed.Secret == a.Secret && a.Shown {
			r.Value = d.Revealed.Value
		}
		if a.Shown {
			v.Accounts = append(v.Accounts, r)
		} else {
			v.Hidden = append(v.Hidden, r)
		}
	}
	f := fleetOf(d)
	v.Services, v.Capacity = servicesView(f), capacityView(d)
	if d.Unit != "" {
		v.Unit = unitView(f)
	}
	if d.Journey != nil {
		v.Journey = journeyView(*d.Journey)
	}
	return v
}

func endpointLamp(e inventory.EndpointStatus) Lamp {
	if e.Up {
		return Lamp{"●", Text{"answers", "応答あり"}, "good"}
	}
	if e.Status != 0 {
		return Lamp{"✕", Text{"fails", "異常"}, "bad"}
	}
	return Lamp{"✕", Text{"silent", "応答なし"}, "bad"}
}

func proofView(d CloudData) ProofView {
	r := d.Report
	v := ProofView{Run: r.ProofRun, At: r.ProofAt}
	active := d.Run != nil && d.Run.State == inventory.RunActive
	v.Running = active && d.Run.Kind == inventory.RunProof
	v.Can = r.Run.State == inventory.RunDone && !active
	done, failed := 0, 0
	for _, c := range r.Proof {
		v.Checks = append(v.Checks, CheckRow{c, titleIn(d.Texts, c.Key, c.Check)})
		switch c.State {
		case inventory.StepDone:
			done++
		case inventory.StepFailed:
			failed++
		}
	}
	switch {
	case failed > 0:
		v.Lamp = Lamp{"✕", Textf(Text{"%d of %d checks failed", "%d / %d 項目が失敗"}, failed, len(r.Proof)), "bad"}
	case v.Running:
		v.Lamp = Lamp{"◔", Textf(Text{"under way, %d of %d passed", "実行中（%d / %d 項目が合格）"}, done, len(r.Proof)), "busy"}
	case len(r.Proof) == 0:
		v.Lamp = Lamp{"○", Text{"not run yet", "未実行"}, "quiet"}
	case done == len(r.Proof):
		v.Lamp = Lamp{"●", Textf(Text{"all %d checks passed", "全 %d 項目に合格"}, done), "good"}
	default:
		v.Lamp = Lamp{"○", Textf(Text{"%d of %d checks passed, the others were not run", "%d / %d 項目に合格（残りは未実行）"}, done, len(r.Proof)), "wait"}
	}
	return v
}
