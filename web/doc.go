// Package web is how people, the command line and the nodes' agents talk to the
// appliance: a JSON API under /api/v1 with its OpenAPI document at
// /openapi.json, one plain page at /, and the agents' endpoint under /agent/v1.
// It holds no state: every answer is made from the interfaces in Config.
package web
