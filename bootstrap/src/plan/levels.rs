//! How deep in the graph each node lies.

use crate::plan::graph::Graph;

const UNSEEN: u32 = u32::MAX;
/// On the path that is being walked.
const OPEN: u32 = u32::MAX - 1;

/// The length of the longest chain below each node; `None` if there is a cycle.
///
/// Depth first, each edge twice, with a path of its own: the depth of the graph must not be the
/// depth of the stack.
pub(crate) fn levels(graph: &Graph) -> Option<Vec<u32>> {
    let mut level = vec![UNSEEN; graph.len()];
    let mut path: Vec<(u32, usize)> = Vec::new();
    for root in graph.nodes() {
        if level[root as usize] != UNSEEN {
            continue;
        }
        level[root as usize] = OPEN;
        path.push((root, 0));
        while let Some((node, edge)) = path.last_mut() {
            let targets = graph.targets(*node);
            if let Some(target) = targets.get(*edge) {
                *edge += 1;
                match level[*target as usize] {
                    UNSEEN => {
                        level[*target as usize] = OPEN;
                        path.push((*target, 0));
                    }
                    OPEN => return None,
                    _ => {}
                }
            } else {
                let below = targets.iter().map(|target| level[*target as usize] + 1);
                level[*node as usize] = below.max().unwrap_or(0);
                path.pop();
            }
        }
    }
    Some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes a rung, each with an edge to both of the rung below: 2^1000 ways down.
    #[test]
    fn a_ladder_is_measured_without_walking_every_way() {
        let rungs = 1_000;
        let mut ladder = Graph::with_capacity(2 * rungs as usize, 0);
        ladder.push_node([]);
        ladder.push_node([]);
        for rung in 1..rungs {
            ladder.push_node([2 * rung - 2, 2 * rung - 1]);
            ladder.push_node([2 * rung - 2, 2 * rung - 1]);
        }
        let levels = levels(&ladder).unwrap();
        assert!(levels.into_iter().eq((0..2 * rungs).map(|node| node / 2)));
    }
}
