package api_test

import (
	"math"
	"slices"
	"testing"
	"time"
)

// signedRank is Wilcoxon's signed-rank test on paired differences: the
// two-sided p of the normal approximation with the correction for ties, and
// the sum of signed ranks over its deviation (its sign says which side is
// slower). Zeros are left out. Outliers, such as a pause of the machine, weigh
// no more than their rank.
func signedRank(all []time.Duration) (p, z float64) {
	d := slices.DeleteFunc(slices.Clone(all), func(x time.Duration) bool { return x == 0 })
	slices.SortFunc(d, func(a, b time.Duration) int { return int(a.Abs() - b.Abs()) })
	var sum, squares float64
	for i := 0; i < len(d); {
		j := i
		for j < len(d) && d[j].Abs() == d[i].Abs() {
			j++
		}
		rank := float64(i+j+1) / 2 // of tied ones: the mean of theirs
		for ; i < j; i++ {
			squares += rank * rank
			if d[i] > 0 {
				sum += rank
			} else {
				sum -= rank
			}
		}
	}
	if squares == 0 {
		return 1, 0
	}
	z = sum / math.Sqrt(squares)
	return math.Erfc(math.Abs(z) / math.Sqrt2), z
}

func median(all []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(all))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// The values are by hand: a sum of signed ranks over the root of the sum of
// their squares, and its two tails.
func TestSignedRank(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		d    []time.Duration
		p, z float64
	}{
		"none":      {nil, 1, 0},
		"zeros":     {[]time.Duration{0, 0}, 1, 0},
		"balanced":  {[]time.Duration{3, -3, 5, -5}, 1, 0},
		"one way":   {[]time.Duration{1, 2, 3, 4, 5, 6, 7, 8}, 0.0117, 36 / math.Sqrt(204)},
		"the other": {[]time.Duration{-1, -2, -3, -4, -5, -6, -7, -8}, 0.0117, -36 / math.Sqrt(204)},
		"ties":      {[]time.Duration{1, 1, -1, 4}, 0.2568, 6 / math.Sqrt(28)},
	} {
		if p, z := signedRank(tc.d); math.Abs(p-tc.p) > 0.0005 || math.Abs(z-tc.z) > 0.0005 {
			t.Errorf("%s: p %.4f, z %.4f, want %.4f and %.4f", name, p, z, tc.p, tc.z)
		}
	}
	if m := median([]time.Duration{9, 1, 4, 2}); m != 3 {
		t.Errorf("median %d, want 3", m)
	}
}
