// Package stat sums up a handful of repeated measurements: median and spread,
// and the ratio of two servers that were measured in pairs.
//
// With five values a mean is at the mercy of one outlier and a standard
// deviation says little: a Summary holds the median, the quartiles, and the
// extremes. A ratio is taken within each pair, whose two runs follow each
// other at once, and summed up after that: what slows the machine for a minute
// slows both and cancels out.
//
//	s := stat.Summarize(values)
//	r := stat.Summarize(stat.Ratios(a, b))
package stat
