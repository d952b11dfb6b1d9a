// Package report shows what a series has measured: as a table for a terminal,
// as Markdown, as JSON, and as SVG charts.
//
// The writers only format. What is a ratio and what is better is decided in
// package series: every ratio here is above 1 if the first server is better
// than the one that the ratio stands beside.
//
//	err := report.Text(os.Stdout, rep)
package report
