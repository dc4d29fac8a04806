package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
)

// Control steers runs and racks. Every method's error is NotFound where there is
// no such rack, run, step or node, and Conflict where the state of things is
// against it; the text says what to do instead.
type Control interface {
	RunControl
	RackControl
	RoleControl
	NodeControl
}

// RunControl steers a run. Resuming is Installer.Install.
type RunControl interface {
	// StopAfter lets the steps in hand of the rack's active run end and begins no
	// others; the run is then stopped. reason may be "".
	StopAfter(ctx context.Context, rack, reason string) (inventory.Run, error)
	// KeepGoing withdraws a stop that has not taken hold yet.
	KeepGoing(ctx context.Context, rack string) (inventory.Run, error)
	// RetryStep tries one failed step again. The run goes on when no other failed
	// step is left.
	RetryStep(ctx context.Context, run uint, key string) (inventory.Run, error)
	// SkipStep leaves a failed or pending step out. The error is Invalid without
	// a reason, and for a phase that nothing could follow without it.
	SkipStep(ctx context.Context, run uint, key, reason string) (inventory.Run, error)
}

// RackControl begins what is no install.
type RackControl interface {
	// Inspect has the hardware of nodes looked at, of all that are not installed
	// where none is named. Nothing is written.
	Inspect(ctx context.Context, rack string, nodes []string) (inventory.Inspection, error)
	// Preview is what an install would do, disk by disk.
	Preview(ctx context.Context, rack string) (inventory.Preview, error)
	// RunProof has an installed rack prove itself again.
	RunProof(ctx context.Context, rack string) (inventory.Run, error)
	// Check compares an installed rack with its plan and changes nothing; the steps
	// of the run that differ say how.
	Check(ctx context.Context, rack string) (inventory.Run, error)
	// Apply makes an installed rack as its plan is now.
	Apply(ctx context.Context, rack string, req inventory.ApplyRequest) (inventory.Run, error)
	// Rotate gives the cloud of an installed rack new passwords.
	Rotate(ctx context.Context, rack string, req inventory.RotateRequest) (inventory.Run, error)
	// CreateRack makes a rack, with networks and without nodes; set
	// InspectNewcomers, as rack.yaml does where nothing is said. The error is
	// Invalid with every reason, Conflict if there is a rack of that name.
	CreateRack(ctx context.Context, r inventory.Rack) (inventory.Rack, error)
}

// RoleControl gives roles to nodes.
type RoleControl interface {
	// Fits says how well a node fits each role.
	Fits(ctx context.Context, rack, node string) ([]inventory.Fitness, error)
	// Propose is what SetRole would choose for a role where nothing is said:
	// a name, an address, the disks, the provider NIC. Nothing is changed.
	Propose(ctx context.Context, rack, node string, role inventory.Role) (inventory.RoleRequest, error)
	// SetRole gives a node a role, changes what goes with it, or takes it away.
	// The answer has the node's new name. The error is Invalid with every reason.
	SetRole(ctx context.Context, rack, node string, req inventory.RoleRequest) (inventory.Node, error)
}

// NodeControl holds nodes still, rescues them, installs them anew, and takes them out
// of the rack.
type NodeControl interface {
	// ReinstallPreview is what a reinstall of a node would do: its disks, the
	// servers on it, and the hash that confirms exactly this.
	ReinstallPreview(ctx context.Context, rack, node string) (inventory.Preview, error)
	// Reinstall installs one node of an installed rack anew.
	Reinstall(ctx context.Context, rack, node string, req inventory.ReinstallRequest) (inventory.Run, error)
	// ReleasePreview is what the release of a node would do, Release takes it out of
	// the rack.
	ReleasePreview(ctx context.Context, rack, node string, o inventory.ReleaseOptions) (inventory.Preview, error)
	Release(ctx context.Context, rack, node string, req inventory.ReleaseRequest) (inventory.Run, error)
	// Rescue starts a node into the ramdisk with a shell, EndRescue has it restart
	// from its own disk.
	Rescue(ctx context.Context, rack, node string, req inventory.RescueRequest) (inventory.Run, error)
	EndRescue(ctx context.Context, rack, node string) (inventory.Node, error)
	// HandsOff has nothing sent to a node or its BMC any more, at once, until
	// LetGo; why may be "". Either changes nothing where it is so already.
	HandsOff(ctx context.Context, rack, node, why string) (inventory.Node, error)
	LetGo(ctx context.Context, rack, node string) (inventory.Node, error)
}

type handsOffRequest struct {
	Name string `path:"name" doc:"the node's name" example:"compute-1"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Body struct {
		Why string `json:"why,omitempty" maxLength:"500" doc:"why, for those who see it later"`
	}
}

type applyRequest struct {
	Name string `path:"name" doc:"the rack's name" example:"demo"`
	Body inventory.ApplyRequest
}

type rotateRequest struct {
	Name string `path:"name" doc:"the rack's name" example:"demo"`
	Body inventory.RotateRequest
}

type reinstallRequest struct {
	Name string `path:"name" doc:"the node's name" example:"compute-1"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Body inventory.ReinstallRequest
}

type rescueRequest struct {
	Name string `path:"name" doc:"the node's name" example:"compute-1"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Body inventory.RescueRequest
}

type releaseQuery struct {
	Name   string `path:"name" doc:"the node's name" example:"compute-1"`
	Rack   string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Remove bool   `query:"remove" doc:"the node is to be gone from the inventory too"`
	Full   bool   `query:"full" doc:"the whole disk is overwritten"`
	Dead   bool   `query:"dead" doc:"the machine does not start any more: nothing is wiped"`
}

type releaseRequest struct {
	Name string `path:"name" doc:"the node's name" example:"compute-1"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Body inventory.ReleaseRequest
}

type stopRequest struct {
	Name string `path:"name" doc:"the rack's name" example:"demo"`
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"why, for those who read the run later"`
	}
}

type inspectRequest struct {
	Name string `path:"name" doc:"the rack's name" example:"demo"`
	Body struct {
		Nodes []string `json:"nodes,omitempty" doc:"the nodes' names; all that are not installed if there are none"`
	}
}

type retryRequest struct {
	ID   uint `path:"id" doc:"the run's number" example:"1"`
	Body struct {
		Key string `json:"key" minLength:"1" doc:"the step's key" example:"controller-1/identity/keystone.conf"`
	}
}

type skipRequest struct {
	ID   uint `path:"id" doc:"the run's number" example:"1"`
	Body struct {
		Key    string `json:"key" minLength:"1" doc:"the step's key" example:"controller-1/identity/keystone.conf"`
		Reason string `json:"reason" maxLength:"500" doc:"why it may be left out; the report shows it"`
	}
}

type roleRequest struct {
	Name string `path:"name" doc:"the node's name" example:"new-52-54-00-77-00-09"`
	Rack string `query:"rack" doc:"the rack's name; needed where two racks have a node of that name"`
	Body inventory.RoleRequest
}

func (s *server) controlRoutes(api huma.API) {
	huma.Register(api, post("rack-stop", "/racks/{name}/stop", "Stop the active run after the steps in hand; install goes on with it"), func(ctx context.Context, in *stopRequest) (*answer[inventory.Run], error) {
		return reply(s.Control.StopAfter(ctx, in.Name, in.Body.Reason))
	})
	huma.Register(api, post("rack-keep-going", "/racks/{name}/keep-going", "Withdraw a stop that has not taken hold yet"), func(ctx context.Context, in *rackName) (*answer[inventory.Run], error) {
		return reply(s.Control.KeepGoing(ctx, in.Name))
	})
	huma.Register(api, post("run-retry", "/runs/{id}/retry", "Try a failed step again; the run goes on when no other failed step is left"), func(ctx context.Context, in *retryRequest) (*answer[inventory.Run], error) {
		return reply(s.Control.RetryStep(ctx, in.ID, in.Body.Key))
	})
	huma.Register(api, post("run-skip", "/runs/{id}/skip", "Leave a failed or pending step out, with a reason"), func(ctx context.Context, in *skipRequest) (*answer[inventory.Run], error) {
		return reply(s.Control.SkipStep(ctx, in.ID, in.Body.Key, in.Body.Reason))
	})
	huma.Register(api, post("rack-inspect", "/racks/{name}/inspect", "Look at the hardware of nodes through their BMCs; nothing is written"), func(ctx context.Context, in *inspectRequest) (*answer[inventory.Inspection], error) {
		return reply(s.Control.Inspect(ctx, in.Name, in.Body.Nodes))
	})
	huma.Register(api, get("rack-preview", "/racks/{name}/preview", "Show what an install would do, every disk with what becomes of it, and the hash that confirms it"), func(ctx context.Context, in *rackName) (*answer[inventory.Preview], error) {
		return reply(s.Control.Preview(ctx, in.Name))
	})
	huma.Register(api, post("rack-proof", "/racks/{name}/proof", "Have an installed rack prove itself again"), func(ctx context.Context, in *rackName) (*answer[inventory.Run], error) {
		return reply(s.Control.RunProof(ctx, in.Name))
	})
	huma.Register(api, post("rack-check", "/racks/{name}/check", "Compare an installed rack with its plan; nothing is changed"), func(ctx context.Context, in *rackName) (*answer[inventory.Run], error) {
		return reply(s.Control.Check(ctx, in.Name))
	})
	huma.Register(api, post("rack-apply", "/racks/{name}/apply", "Make an installed rack as its plan is now: what differs is changed, new nodes are installed"), func(ctx context.Context, in *applyRequest) (*answer[inventory.Run], error) {
		return reply(s.Control.Apply(ctx, in.Name, in.Body))
	})
	huma.Register(api, wants(inventory.Admin, post("rack-rotate", "/racks/{name}/rotate", "Give the cloud of an installed rack new passwords; its services are restarted")), func(ctx context.Context, in *rotateRequest) (*answer[inventory.Run], error) {
		return reply(s.Control.Rotate(ctx, in.Name, in.Body))
	})
	huma.Register(api, get("node-reinstall-preview", "/nodes/{name}/reinstall", "Show what a reinstall of a node would do: its disks, the servers on it, and the hash that confirms it"), func(ctx context.Context, in *nodeName) (*answer[inventory.Preview], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.ReinstallPreview(ctx, rack, in.Name))
	})
	huma.Register(api, post("node-reinstall", "/nodes/{name}/reinstall", "Install one node of an installed rack anew; the others stay as they are"), func(ctx context.Context, in *reinstallRequest) (*answer[inventory.Run], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.Reinstall(ctx, rack, in.Name, in.Body))
	})
	huma.Register(api, get("node-release-preview", "/nodes/{name}/release", "Show what the release of a node would do: the disk that is wiped, the servers in the way, and the hash that confirms it"), func(ctx context.Context, in *releaseQuery) (*answer[inventory.Preview], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.ReleasePreview(ctx, rack, in.Name, inventory.ReleaseOptions{Remove: in.Remove, Full: in.Full, Dead: in.Dead}))
	})
	huma.Register(api, post("node-release", "/nodes/{name}/release", "Take one node out of an installed rack: the cloud forgets it, its system disk is wiped, it is switched off"), func(ctx context.Context, in *releaseRequest) (*answer[inventory.Run], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.Release(ctx, rack, in.Name, in.Body))
	})
	huma.Register(api, get("node-fits", "/nodes/{name}/fits", "Say how well a node fits each role"), func(ctx context.Context, in *nodeName) (*answer[[]inventory.Fitness], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.Fits(ctx, rack, in.Name))
	})
	huma.Register(api, post("node-set-role", "/nodes/{name}/role", "Give a node a role with all that goes with it, or take it away (role is empty)"), func(ctx context.Context, in *roleRequest) (*answer[inventory.Node], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.SetRole(ctx, rack, in.Name, in.Body))
	})
	huma.Register(api, post("node-hands-off", "/nodes/{name}/hands-off", "Have nothing sent to a node or its BMC any more, at once"), func(ctx context.Context, in *handsOffRequest) (*answer[inventory.Node], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.HandsOff(ctx, rack, in.Name, in.Body.Why))
	})
	huma.Register(api, post("node-rescue", "/nodes/{name}/rescue", "Start a node into the ramdisk, with a shell; what runs on it ends"), func(ctx context.Context, in *rescueRequest) (*answer[inventory.Run], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.Rescue(ctx, rack, in.Name, in.Body))
	})
	huma.Register(api, post("node-end-rescue", "/nodes/{name}/end-rescue", "Have a node in rescue restart from its own disk"), func(ctx context.Context, in *nodeName) (*answer[inventory.Node], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.EndRescue(ctx, rack, in.Name))
	})
	huma.Register(api, post("node-let-go", "/nodes/{name}/let-go", "End hands off: what waited on the node goes on"), func(ctx context.Context, in *nodeName) (*answer[inventory.Node], error) {
		rack, err := s.rackOf(ctx, in.Rack, in.Name)
		if err != nil {
			return nil, err
		}
		return reply(s.Control.LetGo(ctx, rack, in.Name))
	})
}
