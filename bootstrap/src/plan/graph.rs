//! A directed graph on dense numbers.

/// Nodes are `0..len`. The targets of all nodes lie behind each other in one list (compressed
/// sparse rows), which makes a graph two allocations, however large.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// Where the targets of each node begin; one more at the end.
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Graph {
    /// A graph without nodes, and room for some.
    pub(crate) fn with_capacity(nodes: usize, edges: usize) -> Self {
        let mut starts = Vec::with_capacity(nodes + 1);
        starts.push(0);
        Self {
            starts,
            targets: Vec::with_capacity(edges),
        }
    }

    /// Adds the next node. Repeated targets are taken once; they end up in ascending order.
    pub(crate) fn push_node(&mut self, targets: impl IntoIterator<Item = u32>) {
        let first = self.targets.len();
        self.targets.extend(targets);
        let own = &mut self.targets[first..];
        if own.len() > 1 {
            own.sort_unstable();
            let mut kept = first + 1;
            for next in first + 1..self.targets.len() {
                if self.targets[next] != self.targets[kept - 1] {
                    self.targets[kept] = self.targets[next];
                    kept += 1;
                }
            }
            self.targets.truncate(kept);
        }
        self.starts.push(number(self.targets.len()));
    }

    /// The same edges the other way round; the targets of a node come in ascending order. A
    /// counting sort: count, sum up, put in place.
    pub(crate) fn reversed(&self) -> Self {
        let mut starts = vec![0_u32; self.starts.len()];
        for target in &self.targets {
            starts[*target as usize + 1] += 1;
        }
        for node in 1..starts.len() {
            starts[node] += starts[node - 1];
        }
        let mut next = starts.clone();
        let mut targets = vec![0_u32; self.targets.len()];
        for (from, to) in self.edges() {
            let place = &mut next[to as usize];
            targets[*place as usize] = from;
            *place += 1;
        }
        Self { starts, targets }
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn edges_len(&self) -> usize {
        self.targets.len()
    }

    pub(crate) fn targets(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.targets[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// All edges, by source.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (u32, u32)> {
        let from = |node| self.targets(node).iter().map(move |target| (node, *target));
        self.nodes().flat_map(from)
    }

    pub(crate) fn nodes(&self) -> std::ops::Range<u32> {
        0..number(self.len())
    }
}

/// Plugins and edges are numbered by `u32`; four billion of them fit no machine.
pub(crate) fn number(n: usize) -> u32 {
    u32::try_from(n).expect("an app has fewer than 2^32 plugins and fields")
}
