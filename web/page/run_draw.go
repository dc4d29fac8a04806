package page

import (
	"fmt"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// Drawing is the timeline as SVG: lengths along the time axis in percent of the
// drawing's width, so that letters keep their size; heights in pixels.
type Drawing struct {
	Height   int
	Zoom     int
	Lanes    []LaneView
	Ticks    []Tick
	Pauses   []BandView
	Links    []LinkView
	Now      string // where now is, "" where the run has ended
	Bottom   int    // of the lanes
	Unscaled string // where the steps begin of which no time can be told, "" for none
	Rest     string // how wide their place is
	Open     int    // how many there are
	Hidden   int    // lanes that are not shown
}

// LaneView is a lane.
type LaneView struct {
	Name        string
	Role        RoleSign
	Done, Total int
	Open        int // steps without a time
	Opened      bool
	Y, Height   int
	Mid         int // the middle of its first row
	Class       string
	Waits       []BandView
	Blocks      []BlockView
	Rows        []RowView // of an opened lane
}

// RowView names a row of an opened lane.
type RowView struct {
	Group string
	Y     int
}

// BandView is a stretch of time.
type BandView struct {
	X, W string
	Text Text
}

// BlockView is a block with its pieces, which are placed within it.
type BlockView struct {
	Group  string
	Key    string // of a single step
	X, W   string
	Y      int
	Class  string
	Label  string
	Name   Text // for who cannot see it
	Pieces []Piece
}

// Piece is a part of a block; Class is a step's state, "plan" or "wait".
type Piece struct{ X, W, Class string }

// Tick is a mark of the time axis.
type Tick struct {
	X     string
	Label string
	Clock string // the time of day
}

// LinkView is a vertical line from a block to another.
type LinkView struct {
	X        string
	Y1, Y2   int
	Critical bool
	Text     string
}

// Measures of the drawing, in pixels.
const (
	axisHeight = 24
	rowHeight  = 24
	blockGap   = 4
	lanePad    = 8
	mostLanes  = 50
	// restShare is the part of the drawing for steps of which no time can be told.
	restShare = 10.0
	// leastWidth in percent is what the shortest block is drawn as.
	leastWidth = 0.2
)

// scale places times. Pauses are drawn short, whatever their length.
type scale struct {
	from   time.Time
	pauses []progress.Stretch
	width  time.Duration // of all without the pauses
	share  float64       // of the drawing, in percent
}

// pauseShare is a pause's width, as a part of all that is not pause.
const pauseShare = 0.04

func newScale(t progress.Timeline, share float64) scale {
	s := scale{from: t.From, pauses: t.Pauses, share: share}
	var paused time.Duration
	for _, p := range t.Pauses {
		paused += p.To.Sub(p.From)
	}
	s.width = max(time.Second, t.To.Sub(t.From)-paused)
	return s
}

func (s scale) at(t time.Time) float64 {
	d := t.Sub(s.from)
	short := time.Duration(pauseShare * float64(s.width))
	for _, p := range s.pauses {
		length := p.To.Sub(p.From)
		switch {
		case !t.Before(p.To):
			d -= length - short
		case t.After(p.From):
			d -= t.Sub(p.From) - time.Duration(float64(short)*float64(t.Sub(p.From))/float64(length))
		}
	}
	all := s.width + time.Duration(len(s.pauses))*short
	return min(s.share, max(0, s.share*float64(d)/float64(all)))
}

func percent(x float64) string { return fmt.Sprintf("%.2f%%", x) }

func (s scale) band(st progress.Stretch) BandView {
	x := s.at(st.From)
	return BandView{X: percent(x), W: percent(max(leastWidth, s.at(st.To)-x))}
}

// tickSteps are the distances that a time axis may have.
var tickSteps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour}

// ticks makes the marks, about ten to the window's width, none in a pause.
func (s scale) ticks(to time.Time, zoom int) []Tick {
	step := tickSteps[len(tickSteps)-1]
	for _, d := range tickSteps {
		if s.width/d <= time.Duration(10*zoom) {
			step = d
			break
		}
	}
	var out []Tick
	last := -100.0
	for d := time.Duration(0); !s.from.Add(d).After(to); d += step {
		t := s.from.Add(d)
		for _, p := range s.pauses {
			if t.After(p.From) && t.Before(p.To) { // to the first mark after it
				d = p.To.Sub(s.from).Truncate(step)
			}
		}
		t = s.from.Add(d)
		if x := s.at(t); x-last > 4/float64(zoom) && x < s.share-1 && !s.covered(x) {
			out = append(out, Tick{percent(x), progress.Clock(d.Seconds()), t.UTC().Format("15:04:05 UTC")})
			last = x
		}
	}
	return out
}

// covered reports whether a mark would lie under a pause's length, which is
// written over the axis.
func (s scale) covered(x float64) bool {
	for _, p := range s.pauses {
		if mid := (s.at(p.From) + s.at(p.To)) / 2; x > mid-5 && x < mid+5 {
			return true
		}
	}
	return false
}

func draw(d RunData, v RunView, t progress.Timeline) Drawing {
	share := 100.0
	out := Drawing{Zoom: v.Asked.Zoom, Open: t.Open}
	if t.Open > 0 {
		share -= restShare
		out.Unscaled, out.Rest = percent(share), percent(restShare)
	}
	s := newScale(t, share)
	out.Ticks = s.ticks(t.To, v.Asked.Zoom)
	if d.Run.State == inventory.RunActive {
		out.Now = percent(s.at(t.Now))
	}
	for _, p := range t.Pauses {
		b := s.band(p)
		b.Text = Span(p.To.Sub(p.From).Seconds())
		out.Pauses = append(out.Pauses, b)
	}
	roles := map[string]inventory.Role{}
	for _, n := range d.Rack.Nodes {
		roles[n.Name] = n.Role
	}
	onPath := map[string]bool{}
	for _, k := range t.Path {
		onPath[k] = true
	}
	if len(t.Lanes) > mostLanes { // what is opened, and the whole rack's, stay
		keep := t.Lanes[:0:0]
		for i, l := range t.Lanes {
			if i < mostLanes-1 || l.Node == "" || l.Node == d.Asked.Node {
				keep = append(keep, l)
			}
		}
		out.Hidden = len(t.Lanes) - len(keep)
		t.Lanes = keep
	}
	y := axisHeight
	mid := map[string]int{} // the middle of each step's block
	for _, l := range t.Lanes {
		lv := LaneView{Name: progress.LaneName(l.Node), Done: l.Done, Total: l.Total, Open: l.Open, Y: y, Height: l.Rows*rowHeight + 2*lanePad, Class: "rack"}
		if l.Node != "" {
			lv.Role = RoleOf(roles[l.Node])
			lv.Class = lv.Role.Class
		}
		lv.Opened = lv.Name == d.Asked.Node
		if lv.Opened { // a line for its own name
			lv.Height += rowHeight
		} else {
			lv.Height = max(lv.Height, 2*rowHeight+lanePad)
		}
		top := y + lanePad
		if lv.Opened {
			top += rowHeight
		}
		lv.Mid = y + lanePad + rowHeight/2
		for _, w := range l.Waits {
			lv.Waits = append(lv.Waits, s.band(w))
		}
		named := map[int]bool{}
		for _, b := range l.Blocks {
			bv := s.block(d, l, b, onPath, t.Now)
			bv.Y = top + b.Row*rowHeight
			for i := range b.Slots {
				mid[b.Slots[i].Step.Key] = bv.Y + (rowHeight-blockGap)/2
			}
			if lv.Opened && !named[b.Row] {
				named[b.Row] = true
				lv.Rows = append(lv.Rows, RowView{b.Group, bv.Y + 15})
			}
			lv.Blocks = append(lv.Blocks, bv)
		}
		y += lv.Height
		out.Lanes = append(out.Lanes, lv)
	}
	out.Bottom, out.Height = y, y+16
	for _, l := range t.Links {
		y1, ok1 := mid[l.From]
		y2, ok2 := mid[l.To]
		if ok1 && ok2 && y1 != y2 {
			out.Links = append(out.Links, LinkView{percent(s.at(l.At)), y1, y2, l.Critical, l.From + " → " + l.To})
		}
	}
	return out
}

// block draws one block.
func (s scale) block(d RunData, l progress.Lane, b progress.Block, onPath map[string]bool, now time.Time) BlockView {
	x := s.at(b.From)
	w := max(leastWidth, s.at(b.To)-x)
	x = min(x, s.share-w)
	v := BlockView{Group: b.Group, X: percent(x), W: percent(w), Class: string(b.State), Label: groupLabel(b.Group)}
	within := func(from, to time.Time) (string, string) {
		a, z := s.at(from), s.at(to)
		a = min(a, x+w-leastWidth)
		return percent(100 * max(0, a-x) / w), percent(100 * min(1, max(leastWidth, z-a)/w))
	}
	add := func(from, to time.Time, class string, critical bool) {
		if critical {
			class += " crit"
		}
		px, pw := within(from, to)
		v.Pieces = append(v.Pieces, Piece{px, pw, class})
	}
	for _, wait := range b.Waits {
		add(wait.From, wait.To, "wait", false)
	}
	// Steps that follow each other closely are one piece.
	close := time.Duration(float64(s.width) / 700)
	type run struct {
		from, to time.Time
		class    string
		critical bool
	}
	var cur *run
	flush := func() {
		if cur != nil {
			add(cur.from, cur.to, cur.class, cur.critical)
		}
		cur = nil
	}
	put := func(from, to time.Time, class string, critical bool) {
		if cur != nil && cur.class == class && cur.critical == critical && from.Sub(cur.to) < close {
			if to.After(cur.to) {
				cur.to = to
			}
			return
		}
		flush()
		cur = &run{from, to, class, critical}
	}
	var took float64
	for i := range b.Slots {
		sl := &b.Slots[i]
		critical := onPath[sl.Step.Key]
		if sl.Began() {
			put(sl.From, sl.To, string(sl.Step.State), critical)
			took = max(took, sl.To.Sub(b.From).Seconds())
		}
		if sl.Until.After(sl.To) {
			from := sl.Start()
			if sl.Began() {
				from = sl.To
			}
			put(from, sl.Until, "plan", critical)
		}
	}
	flush()
	v.name(d, l, b, took)
	return v
}

// name says what a block is, for who cannot see it: "controller-1, identity,
// done, 1 min 19 s".
func (v *BlockView) name(d RunData, l progress.Lane, b progress.Block, took float64) {
	word := stepWords[b.State]
	what := Both(b.Group)
	if b.Single {
		s := b.Slots[0].Step
		v.Key, v.Label = s.Key, progress.ShortStep(s)
		what = titleOf(d, s)
	} else if b.State == inventory.StepRunning && took > 0 {
		done := 0
		for i := range b.Slots {
			if progress.Settled(b.Slots[i].Step.State) {
				done++
			}
		}
		word = Textf(Text{"%d of %d steps done", "%d / %d 手順完了"}, done, len(b.Slots))
	}
	span := Span(took)
	if took == 0 && b.State == inventory.StepPending {
		length := Span(b.To.Sub(b.From).Seconds())
		span = Text{"expected " + length.EN, "予想 " + length.JA}
	}
	lane := progress.LaneName(l.Node)
	v.Name = Text{strings.Join([]string{lane, what.EN, word.EN, span.EN}, ", "), strings.Join([]string{lane, what.JA, word.JA, span.JA}, "、")}
}

func groupLabel(g string) string { return strings.ReplaceAll(g, "-", " ") }
