package main

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
)

// hostName says what this program runs on: "2 × Intel(R) Xeon(R) CPU, 23.5 GiB".
// What cannot be found out is left out; a report is written without it.
func hostName(ctx context.Context) string {
	infos, err := cpu.InfoWithContext(ctx)
	if err != nil || len(infos) == 0 {
		return ""
	}
	cores, err := cpu.CountsWithContext(ctx, true)
	if err != nil {
		return ""
	}
	s := fmt.Sprintf("%d × %s", cores, infos[0].ModelName)
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		s += fmt.Sprintf(", %.1f GiB", float64(m.Total)/(1<<30))
	}
	return s
}
